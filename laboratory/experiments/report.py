"""What the experiments showed, as a table of Markdown."""

from collections.abc import Iterable, Sequence

from laboratory.experiments.measure import Result

_HEADER = (
    "what happened",
    "noticed",
    "requests right again: API / probes",
    "as many replicas as before",
    "scrapes missed",
    "alerts lost / doubled, of",
    "slowest alert later by",
)


def render(results: Iterable[Result]) -> str:
    """A row for each; seconds from when it happened."""
    return table(_HEADER, [_cells(one) for one in results])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, ["---"] * len(header), *rows))


def describe(result: Result) -> str:
    """A line while the experiments go on: what is known before the alerts are counted."""
    return (
        f"{result.name}: noticed {_seconds(result.noticed)}, API right {_seconds(result.api.right_after)}, "
        f"probes right {_seconds(result.scraped.right_after)}, redundant {_seconds(result.redundant)}"
    )


def _cells(result: Result) -> Sequence[str]:
    tally = result.tally
    return (
        result.name,
        _seconds(result.noticed),
        f"{_seconds(result.api.right_after)} / {_seconds(result.scraped.right_after)}",
        _seconds(result.redundant),
        str(result.missed),
        f"{len(tally.lost)} / {len(tally.doubled)}, {tally.fired}",
        _seconds(result.slowest_alert),
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
