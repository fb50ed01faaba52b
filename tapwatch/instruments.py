"""Metrics of the catalogue as prometheus-client's objects."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import Metric as Family

from tapwatch.catalogue import Metric


class _Time(Gauge):
    """A gauge of Unix times. prometheus-client begins every gauge with 0, which would read as the year 1970."""

    def collect(self) -> Iterable[Family]:
        """Tell the times that were set."""
        for family in super().collect():
            family.samples = [sample for sample in family.samples if sample.value != 0]
            yield family


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """A counter; `metric.name` ends in `_total`."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """A gauge, also for `_info` metrics, whose value is always 1; a time that is not known yet is absent."""
    kind = _Time if metric.is_time else Gauge
    return kind(metric.name, metric.help, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry, buckets: Sequence[float]) -> Histogram:
    """A histogram with the upper bounds `buckets`, in the metric's base unit."""
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=buckets)
