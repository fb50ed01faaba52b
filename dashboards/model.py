"""What a dashboard is, apart from how any Grafana writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tapwatch.catalogue import Metric

PanelKind = Literal["stat", "timeseries", "table", "bargauge", "state-timeline"]
Color = Literal["green", "yellow", "orange", "red", "blue"]

COLUMNS = 24
"""The width of Grafana's grid."""


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel."""

    expr: str
    legend: str = ""
    """Grafana's legend, as `{{dispenser}}`."""


@dataclass(frozen=True)
class Step:
    """From this value on, this colour; None is the start."""

    value: float | None
    color: Color


@dataclass(frozen=True)
class Panel:
    """One panel: a question that a person has, and its answer."""

    kind: PanelKind
    title: str
    description: str
    queries: Sequence[Query]
    unit: str
    """Grafana's name of the unit."""
    steps: Sequence[Step]
    """What is good and what is not. A single step: no value is better than another."""
    width: int = 12
    height: int = 8
    limits: tuple[float, float] | None = None
    """The least and the largest value there can be."""
    words: Mapping[int, str] = field(default_factory=dict)
    """What people call a value."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """A table's labels in their order, and the headings over them."""


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A choice at the top: the values that a label has, among what the earlier choices leave."""

    name: str
    title: str
    query: str


@dataclass(frozen=True)
class Dashboard:
    """One page."""

    uid: str
    title: str
    """With ASCII words that no other dashboard of the folder has: Grafana makes file names of them."""
    description: str
    tags: Sequence[str]
    variables: Sequence[Variable]
    rows: Sequence[Row]

    @property
    def panels(self) -> Sequence[Panel]:
        """Those of all rows."""
        return [panel for row in self.rows for panel in row.panels]


def series(metric: Metric, *matchers: str) -> str:
    """The metric's series that match, in PromQL."""
    return _selector(metric.name, *matchers)


def firing(*matchers: str) -> str:
    """Prometheus' own series of the alerts that fire, in PromQL."""
    return _selector("ALERTS", 'alertstate="firing"', *matchers)


def _selector(name: str, *matchers: str) -> str:
    return f"{name}{{{','.join(matchers)}}}"
