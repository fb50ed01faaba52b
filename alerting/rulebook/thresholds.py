"""A file of thresholds: limits set for a site, a model or a cluster, each with who says so."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator

from alerting.rulebook.limits import Limits, quantity, shipped_limits
from alerting.rulebook.names import Names
from tapwatch.errors import ConfigError, Fault
from tapwatch.settings import Document, Settings, read_document, validate


def _known(limit: str) -> str:
    limits = shipped_limits().all
    if limit not in limits:
        raise ValueError(_no_such("limit", limit, limits))
    return limit


class Threshold(Settings):
    """One line of the file."""

    limit: Annotated[str, AfterValidator(_known)]
    value: Annotated[str, BeforeValidator(str)]
    """With its unit."""
    site: str | None = None
    module: str | None = None
    cluster: str | None = None
    source: str
    """Who says so: a law, a contract, a data sheet."""

    @field_validator("value")
    @classmethod
    def _possible(cls, value: str, info: ValidationInfo) -> str:
        name = info.data.get("limit")
        if name is None:  # told already
            return value
        low, high = shipped_limits().all[name].between
        if not quantity(name, low) <= quantity(name, value) <= quantity(name, high):
            raise ValueError(f"must be between {low} and {high}, not {value}")
        return value

    @field_validator("site", "module", "cluster")
    @classmethod
    def _of_its_kind(cls, value: str | None, info: ValidationInfo) -> str | None:
        name = info.data.get("limit")
        of_clusters = name in shipped_limits().clusters
        if value is not None and name is not None and of_clusters != (info.field_name == "cluster"):
            right = "a cluster" if of_clusters else "a site or a module"
            raise ValueError(f"{name} is set for {right}, not for a {info.field_name}")
        return value


class ThresholdFile(Settings):
    """The file."""

    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True)
class Scope:
    """Where a threshold holds; None is everywhere. A site goes before a model, both together before either."""

    site: str | None = None
    module: str | None = None
    cluster: str | None = None

    @property
    def rank(self) -> int:
        """The larger, the sooner it is taken."""
        return 2 * (self.site is not None) + (self.module is not None) + (self.cluster is not None)

    def holds(self, other: "Scope") -> bool:
        """Whether a threshold of this scope is one for all that `other` is."""
        return all(
            mine is None or mine == its
            for mine, its in ((self.site, other.site), (self.module, other.module), (self.cluster, other.cluster))
        )

    def __str__(self) -> str:
        parts = {"site": self.site, "module": self.module, "cluster": self.cluster}
        return " and ".join(f"{name} {value}" for name, value in parts.items() if value is not None) or "everywhere"


@dataclass(frozen=True)
class Thresholds:
    """For each limit, its number of base units by scope; the shipped one holds everywhere."""

    values: dict[str, dict[Scope, float]]

    def at(self, limit: str, scope: Scope) -> float:
        """What holds at a scope."""
        values = self.values[limit]
        return values[max((one for one in values if one.holds(scope)), key=lambda one: one.rank)]


def load_thresholds(file: Path | None, names: Names | None = None) -> Thresholds:
    """The shipped limits with what the file sets; raises ConfigError with every fault of the file.

    When the inventory's names are given, other sites and modules are faults. Lines are compared with one another, and
    with the inventory, once each of them is sound.
    """
    limits = shipped_limits()
    shipped = {name: {Scope(): quantity(name, limit.value)} for name, limit in limits.all.items()}
    if file is None:
        return Thresholds(shipped)
    document = read_document(file)
    lines = validate(document, ThresholdFile, file.parent).thresholds
    faults = [
        *_unknown(document, lines, names),
        *_repeated(document, lines),
    ]
    if not faults:
        for line in lines:
            shipped[line.limit][_scope(line)] = quantity(line.limit, line.value)
        faults = list(_contradictions(document, lines, limits, Thresholds(shipped)))
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: (fault.line or 0, fault.path)))
    return Thresholds(shipped)


def _scope(line: Threshold) -> Scope:
    return Scope(line.site, line.module, line.cluster)


def _no_such(what: str, name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"no {what} {name!r}; " + (f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}")


def _unknown(document: Document, lines: Collection[Threshold], names: Names | None) -> Iterator[Fault]:
    if names is None:
        return
    for label, known in (("site", set(names.sites.values())), ("module", names.modules)):
        for index, line in enumerate(lines):
            value = getattr(line, label)
            if value is not None and value not in known:
                yield document.fault(("thresholds", index, label), _no_such(f"{label} in the inventory", value, known))


def _repeated(document: Document, lines: Collection[Threshold]) -> Iterator[Fault]:
    first: dict[tuple[str, Scope], int] = {}
    for index, line in enumerate(lines):
        place = line.limit, _scope(line)
        if place in first:
            earlier = document.line(("thresholds", first[place]))
            message = f"{line.limit} is already set for {place[1]} on line {earlier}"
            yield document.fault(("thresholds", index), message)
        first.setdefault(place, index)


def _contradictions(
    document: Document, lines: Collection[Threshold], limits: Limits, thresholds: Thresholds
) -> Iterator[Fault]:
    """Pairs of limits in the wrong order, wherever a dispenser or cluster of the file could be; told once a line."""
    scopes = [
        Scope(site, module, cluster)
        for site, module, cluster in product(
            *({None, *(getattr(line, label) for line in lines)} for label in ("site", "module", "cluster"))
        )
    ]
    for index, line in enumerate(lines):
        for low, high in _pairs(line.limit, limits):
            wrong = [
                scope
                for scope in scopes
                if _scope(line).holds(scope) and thresholds.at(low, scope) >= thresholds.at(high, scope)
            ]
            if wrong:
                scope = min(wrong, key=lambda one: (one.rank, str(one)))
                message = (
                    f"contradiction at {scope}: {low} ({thresholds.at(low, scope):g}) must be below {high} "
                    f"({thresholds.at(high, scope):g})"
                )
                yield document.fault(("thresholds", index, "value"), message)


def _pairs(limit: str, limits: Limits) -> Iterator[tuple[str, str]]:
    """(smaller, larger) for every order in which the limit has a part."""
    for name, one in limits.all.items():
        if one.below is not None and limit in {name, one.below}:
            yield name, one.below
