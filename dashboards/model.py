"""What a dashboard is, apart from how any Grafana writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dashboards.language import Words
from tapwatch.catalogue import Metric

PanelKind = Literal["stat", "tiles", "timeseries", "table", "bargauge", "state-timeline"]
"""Grafana's panel types; `tiles` are stats, one for each series, each with its name."""
Color = Literal["green", "yellow", "orange", "red", "blue"]

COLUMNS = 24
"""The width of Grafana's grid."""


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel."""

    expr: str
    legend: Words = ""
    """Grafana's legend, as `{{dispenser}}`."""


@dataclass(frozen=True)
class Step:
    """From this value on, this colour; None is the start."""

    value: float | None
    color: Color


@dataclass(frozen=True)
class Link:
    """Where a click on a value leads: to another dashboard, with the same time and data source."""

    title: Words
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """The other one's variables, and the labels of the value that they are set to."""
    kept: Sequence[str] = ()
    """Variables that both have, which stay as they are."""


@dataclass(frozen=True)
class Column:
    """A table's column with the values of one query."""

    title: Words
    unit: str = "short"
    steps: Sequence[Step] = ()
    """Colours of the cells; none for plain ones."""
    words: Mapping[int, Words] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """One panel: a question that a person has, and its answer."""

    kind: PanelKind
    title: Words
    description: Words
    queries: Sequence[Query]
    unit: str
    """Grafana's name of the unit."""
    steps: Sequence[Step]
    """What is good and what is not. A single step: no value is better than another."""
    width: int = 12
    height: int = 8
    limits: tuple[float, float] | None = None
    """The least and the largest value there can be."""
    words: Mapping[int, Words] = field(default_factory=dict)
    """What people call a value."""
    columns: Mapping[str, Words] = field(default_factory=dict)
    """A table's labels in their order, and the headings over them."""
    values: Sequence[Column] = ()
    """A table's columns with values, one for each query; none where the labels say all."""
    links: Sequence[Link] = ()


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: Words
    panels: Sequence[Panel]
    repeat: str = ""
    """A variable: the row is there once for each of its values."""


@dataclass(frozen=True)
class Variable:
    """A choice at the top: the values that a label has, among what the earlier choices leave."""

    name: str
    title: Words
    query: str
    several: bool = True
    """Whether all or several can be chosen, rather than one."""


@dataclass(frozen=True)
class Number:
    """A number at the top that people set, such as a price."""

    name: str
    title: Words
    default: float


@dataclass(frozen=True)
class Annotation:
    """Moments marked in every picture: those at which the query has series."""

    name: Words
    expr: str
    title: str
    text: str
    color: Color


@dataclass(frozen=True)
class Dashboard:
    """One page."""

    uid: str
    title: Words
    """With ASCII words that no other dashboard of the folder has, or none: Grafana makes file names of them."""
    description: Words
    tags: Sequence[str]
    variables: Sequence[Variable | Number]
    rows: Sequence[Row]
    annotations: Sequence[Annotation] = ()
    shown: str = "6h"
    """The time that it shows at first, up to now."""
    refresh: str = "30s"

    @property
    def panels(self) -> Sequence[Panel]:
        """Those of all rows."""
        return [panel for row in self.rows for panel in row.panels]


def series(metric: Metric, *matchers: str) -> str:
    """The metric's series that match, in PromQL."""
    return selector(metric.name, *matchers)


def firing(*matchers: str) -> str:
    """Prometheus' own series of the alerts that fire, in PromQL."""
    return selector("ALERTS", 'alertstate="firing"', *matchers)


def selector(name: str, *matchers: str) -> str:
    """A name and its label matchers, in PromQL."""
    return f"{name}{{{','.join(matchers)}}}"
