"""The panels that look the same on every dashboard, and the thresholds that mean the same everywhere."""

from collections.abc import Mapping, Sequence

from dashboards.language import Text, Words
from dashboards.model import Column, Link, Panel, Query, Step

ANY_IS_BAD = (Step(None, "green"), Step(1, "red"))
ANY_IS_A_TASK = (Step(None, "green"), Step(1, "yellow"))
NONE_IS_BAD = (Step(None, "red"), Step(1, "green"))
NEUTRAL = (Step(None, "blue"),)
"""No value is better than another."""

UP_OR_DOWN: Mapping[int, Words] = {0: Text("down", "失聯"), 1: Text("up", "正常")}


def stat(  # noqa: PLR0913, PLR0917 - all that differs between two numbers
    title: Words,
    description: Words,
    expr: str,
    steps: Sequence[Step],
    unit: str = "short",
    width: int = 4,
    links: Sequence[Link] = (),
) -> Panel:
    """One large number, for the top of a page."""
    return Panel("stat", title, description, [Query(expr)], unit, steps, width=width, height=4, links=links)


def lines(
    title: Words,
    description: Words,
    queries: Sequence[Query],
    unit: str,
    steps: Sequence[Step] = NEUTRAL,
    width: int = 12,
) -> Panel:
    """How something went over time; a share is drawn from 0 to 1."""
    limits = (0.0, 1.0) if unit == "percentunit" else None
    return Panel("timeseries", title, description, queries, unit, steps, width=width, limits=limits)


def table(
    title: Words,
    description: Words,
    expr: str,
    columns: Mapping[str, Words],
    links: Sequence[Link] = (),
    width: int = 12,
) -> Panel:
    """A list of what is there at this moment; the columns are labels of `expr`, and the headings over them."""
    return Panel(
        "table", title, description, [Query(expr)], "short", NEUTRAL, columns=columns, links=links, width=width
    )


def comparison(
    title: Words,
    description: Words,
    columns: Mapping[str, Words],
    values: Mapping[str, Column],
    links: Sequence[Link] = (),
    width: int = 24,
) -> Panel:
    """A table with a line for each thing and several numbers about it; `values` are queries and their columns.

    Every query keeps the labels of `columns`, and those only.
    """
    return Panel(
        "table",
        title,
        description,
        [Query(expr) for expr in values],
        "short",
        NEUTRAL,
        columns=columns,
        values=tuple(values.values()),
        links=links,
        width=width,
    )


def keep(columns: Mapping[str, Words], expr: str) -> str:
    """The series of `expr` with the labels of `columns` only, each set of them once, in PromQL."""
    return f"max by ({', '.join(columns)}) ({expr})"


def count(expr: str) -> str:
    """How many series there are, and 0 where there are none, in PromQL."""
    return f"count({expr}) or vector(0)"


def extremes(expr: str) -> tuple[Query, ...]:
    """The extremes and the middle of many things, as a line for each would show nothing."""
    return (
        Query(f"max({expr})", Text("highest", "最高")),
        Query(f"quantile(0.5, {expr})", Text("median", "中位數")),
        Query(f"min({expr})", Text("lowest", "最低")),
    )
