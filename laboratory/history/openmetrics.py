"""Samples as OpenMetrics text, the form that promtool makes blocks of."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

Labels = Mapping[str, str]
Sample = tuple[str, float]
"""A series as it is spelled, and its value."""

DAY, HOUR = 86400, 3600
DAYS = 14
SLOW_SECONDS, FAST_SECONDS = 240, 15
"""Samples are sparse, within Prometheus' five minutes, but for the last hours."""
FAST_HOURS = 2


def spell(name: str, labels: Labels) -> str:
    """A series as OpenMetrics writes it."""
    pairs = (f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in labels.items())
    return f"{name}{{{','.join(pairs)}}}"


def moments(until: float) -> Iterator[float]:
    """When there are samples: Unix times up to `until`."""
    moment = until - DAYS * DAY
    while moment <= until:
        yield moment
        moment += SLOW_SECONDS if moment < until - FAST_HOURS * HOUR else FAST_SECONDS


def write(file: Path, rounds: Iterable[tuple[float, Iterable[Sample]]]) -> None:
    """Write what was sampled at each moment."""
    with file.open("w", encoding="utf-8") as out:
        for moment, samples in rounds:
            out.writelines(f"{series} {value:.10g} {moment:.3f}\n" for series, value in samples)
        out.write("# EOF\n")
