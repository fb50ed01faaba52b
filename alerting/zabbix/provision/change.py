"""One difference between what Zabbix has and what it should have, and the call that ends it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verb = Literal["create", "update", "disable"]

Plan = Iterator["Change"]
"""Differences in the order in which they are to be ended; each is planned when those before it are done."""


@dataclass(frozen=True)
class Change:
    """A difference."""

    verb: Verb
    kind: str
    """As people call it: host, media type."""
    names: tuple[str, ...]
    apply: Callable[[], object]
    details: str = ""
    """What differs; never a secret."""

    def __str__(self) -> str:
        names = ", ".join(repr(name) for name in self.names[:_SHOWN])
        more = f" and {len(self.names) - _SHOWN} more" if len(self.names) > _SHOWN else ""
        return f"{self.verb} {self.kind} {names}{more}{f': {self.details}' if self.details else ''}"


_SHOWN = 5


def differing(actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The wanted fields that are otherwise; Zabbix gives numbers as text, and more fields than were asked for."""
    return [name for name, value in wanted.items() if not _holds(actual.get(name), value)]


def _holds(actual: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and not differing(actual, wanted)
    if isinstance(wanted, list | tuple):
        return isinstance(actual, list) and len(actual) == len(wanted) and _each_found(actual, wanted)
    return str(actual) == str(wanted)


def _each_found(actual: Iterable[object], wanted: Iterable[object]) -> bool:
    """In any order: Zabbix sorts as it likes."""
    left = list(actual)
    for one in wanted:
        match = next((candidate for candidate in left if _holds(candidate, one)), None)
        if match is None:
            return False
        left.remove(match)
    return True
