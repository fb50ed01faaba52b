"""A number to expose, before it is told of which cluster."""

from typing import NamedTuple

from tapwatch.catalogue import Metric


class Sample(NamedTuple):
    """One series of one cluster at one moment."""

    metric: Metric
    labels: tuple[str, ...]
    """The values of the metric's labels after those of the cluster, in their order."""
    value: float
