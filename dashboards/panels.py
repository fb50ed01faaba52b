"""The panels that look the same on every dashboard, and the thresholds that mean the same everywhere."""

from collections.abc import Mapping, Sequence

from dashboards.model import Panel, Query, Step

ANY_IS_BAD = (Step(None, "green"), Step(1, "red"))
NEUTRAL = (Step(None, "blue"),)
"""No value is better than another."""


def stat(title: str, description: str, expr: str, steps: Sequence[Step], unit: str = "short", width: int = 4) -> Panel:
    """One large number, for the top of a page."""
    return Panel("stat", title, description, [Query(expr)], unit, steps, width=width, height=4)


def table(title: str, description: str, expr: str, columns: Mapping[str, str]) -> Panel:
    """A list of what is there at this moment; the columns are labels of `expr`, and the headings over them."""
    return Panel("table", title, description, [Query(expr)], "short", NEUTRAL, columns=columns)


def keep(columns: Mapping[str, str], expr: str) -> str:
    """The series of `expr` with the labels of `columns` only, each set of them once, in PromQL."""
    return f"max by ({', '.join(columns)}) ({expr})"
