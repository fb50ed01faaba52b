"""Service objectives: how many of which events must be good, read from a small file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from alerting.rulebook.quantity import parse_quantity
from tapwatch.catalogue import CATALOGUE
from tapwatch.errors import ConfigError, Fault
from tapwatch.settings import Document, Seconds, Settings, read_document, validate

SHIPPED = Path(__file__).parent / "objectives.yaml"

_SELECTOR = re.compile(r'([a-z_:]+)(?:\{(\w+=~?"[^"{}]*"(?:, *\w+=~?"[^"{}]*")*)\})?')
_MATCHER = re.compile(r'\w+(?:=|!=|=~|!~)"[^"{}]*"')
_DAYS = 86400.0
_LEAST_GOAL = 0.5


def _goal(text: object) -> float:
    goal = parse_quantity(text, "ratio")
    if not _LEAST_GOAL <= goal < 1:
        raise ValueError(f"must be from 50 % to below 100 %, as 99.9 %, not {text}")
    return goal


def _alert(name: str) -> str:
    if not re.fullmatch(r"ControlPlane\w+", name):
        raise ValueError(f"must start with ControlPlane, so that routes and inhibitions know it, not {name!r}")
    return name


def _matcher(text: str) -> str:
    if not _MATCHER.fullmatch(text):
        raise ValueError(f'must be one label matcher such as result="ok", not {text!r}')
    return text


def _period(seconds: float) -> float:
    if not 7 * _DAYS <= seconds <= 90 * _DAYS:
        raise ValueError("must be from 7d to 90d")
    return seconds


class Objective(Settings):
    """One objective."""

    alert: Annotated[str, AfterValidator(_alert)]
    """The start of its two alerts' names."""
    goal: Annotated[float, BeforeValidator(_goal)]
    """The share of events that must be good, 0.5 to 1."""
    period: Annotated[Seconds, AfterValidator(_period)]
    events: str
    """The counter of all events, with matchers."""
    good: Annotated[str, AfterValidator(_matcher)]
    """The matcher that good events have besides."""
    what: str
    """The events in words."""

    @property
    def metric(self) -> str:
        """The name of the counter."""
        return self.events.partition("{")[0]

    def selector(self, *matchers: str) -> str:
        """The counter's series with more matchers."""
        own = self.events.removeprefix(self.metric).strip("{}")
        return f"{self.metric}{{{','.join(part for part in (own, *matchers) if part)}}}"


class ObjectiveFile(Settings):
    """The file."""

    objectives: tuple[Objective, ...]


def load_objectives(file: Path) -> tuple[Objective, ...]:
    """The objectives of a file; raises ConfigError with every fault."""
    document = read_document(file)
    found = validate(document, ObjectiveFile, file.parent).objectives
    faults = list(_faults(document, found))
    if faults:
        raise ConfigError(faults)
    return found


def _faults(document: Document, found: tuple[Objective, ...]) -> Iterator[Fault]:
    names: dict[str, int] = {}
    for index, one in enumerate(found):
        if one.alert in names:
            message = f"{one.alert} is already used by objectives[{names[one.alert]}]"
            yield document.fault(("objectives", index, "alert"), message)
        names.setdefault(one.alert, index)
        path = "objectives", index, "events"
        if not _SELECTOR.fullmatch(one.events):
            yield document.fault(
                path, f'must be a counter with matchers such as m_total{{role="address"}}, not {one.events!r}'
            )
            continue
        metric = CATALOGUE.get(one.metric)
        if metric is None or metric.type != "counter":
            yield document.fault(path, f"{one.metric} is no counter in docs/metrics.md")
            continue
        for label in re.findall(r"(\w+)=", f"{one.events},{one.good}"):
            if label not in metric.labels:
                yield document.fault(path, f"{one.metric} has no label {label!r}; it has {', '.join(metric.labels)}")
