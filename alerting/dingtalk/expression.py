"""The expression behind an alert and its threshold, read from the link that Prometheus gives with it."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

_COMPARISON = re.compile(r"(==|!=|>=|<=|>|<)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*$")
_OPENING, _CLOSING = "([{", ")]}"
_LONGEST = 10_000


@dataclass(frozen=True)
class Expression:
    """What Prometheus evaluates; `measured` against a threshold where there is one."""

    measured: str
    operator: str = ""
    threshold: float | None = None


def read_expression(generator_url: str) -> Expression | None:
    """The expression in a link as `http://prometheus/graph?g0.expr=...`; None when there is none."""
    try:
        text = parse_qs(urlsplit(generator_url[:_LONGEST]).query).get("g0.expr", [""])[0].strip()
    except ValueError:
        return None
    if not text:
        return None
    found = _COMPARISON.search(text)
    if found is None or not _is_whole(text[: found.start()]):
        return Expression(text)
    return Expression(text[: found.start()].strip(), found[1], float(found[2]))


def _is_whole(text: str) -> bool:
    """Whether brackets close, so that the comparison is of all before it; `and`, `or`, `unless` bind looser."""
    depth, top = 0, ""
    for one in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        depth += (one in _OPENING) - (one in _CLOSING)
        top += one if depth == 0 else ""
    return depth == 0 and re.search(r"\b(?:and|or|unless)\b", top) is None
