"""Samples as Prometheus' text format, version 0.0.4."""

from collections.abc import Iterable
from functools import lru_cache

from prometheus_client.utils import floatToGoString

from exporters.dispenser.decode import Sample
from tapwatch.catalogue import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(samples: Iterable[Sample]) -> str:
    """The samples as text, those of one metric together, in the order in which the metrics first appear."""
    families: dict[Metric, list[str]] = {}
    for sample in samples:
        number = floatToGoString(sample.value)  # type: ignore[no-untyped-call]  # prometheus-client's
        line = f"{_series(sample.metric.name, sample.labels)} {number}\n"
        families.setdefault(sample.metric, []).append(line)
    return "".join(_header(metric) + "".join(lines) for metric, lines in families.items())


@lru_cache(maxsize=4096)
def _header(metric: Metric) -> str:
    help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {metric.name} {help_text}\n# TYPE {metric.name} {metric.type}\n"


@lru_cache(maxsize=65536)
def _series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """Name and labels, rendered once for each series: it is most of the work."""
    if not labels:
        return name
    pairs = ",".join(f'{label}="{_escape(value)}"' for label, value in labels)
    return f"{name}{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
