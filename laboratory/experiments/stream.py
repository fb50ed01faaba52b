"""A known stream of alerts: rules that fire under new numbers every ten seconds, and the count of what arrived.

`count_values` makes a label of a number, and the number is that of the ten seconds: so every Prometheus that evaluates
the rule fires the same alerts, and it is known afterwards which ones there must have been.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SLOT_SECONDS = 10
ALERT = "Streamed"

_FIRING = re.compile(rf"(?<!\w){ALERT} (\d+)")


def rules(per_slot: int = 1) -> Mapping[str, Any]:
    """What fires `per_slot` alerts every ten seconds, each for a minute, as the spec of a PrometheusRule."""
    return {
        "groups": [{"name": "stream", "interval": "5s", "rules": [_rule(one, per_slot) for one in range(per_slot)]}]
    }


def begin(number: int, per_slot: int = 1) -> float:
    """When the alert of this number begins, in Unix time."""
    return number // per_slot * SLOT_SECONDS


def _rule(one: int, per_slot: int) -> Mapping[str, Any]:
    return {
        "alert": ALERT,
        "expr": f'count_values("number", floor(vector(time()) / {SLOT_SECONDS}) * {per_slot} + {one})',
        # Longer than Alertmanager's routes wait, as what has ended by then is not told.
        "keep_firing_for": "1m",
        # The shipped routes group critical alerts by endpoint: each number is a group of its own.
        "labels": {"severity": "critical", "team": "platform", "endpoint": "stream-{{ $labels.number }}"},
        "annotations": {"summary": f"{ALERT} {{{{ $labels.number }}}}"},
    }


@dataclass(frozen=True)
class Told:
    """A message in the group chat, as the stand-in's /messages describes it."""

    time: float
    """Unix time."""
    title: str
    text: str

    @property
    def resolved(self) -> bool:
        """It tells of what has ended."""
        return "✅" in self.title

    @property
    def numbers(self) -> frozenset[int]:
        """The alerts of the stream that it tells of."""
        return frozenset(int(number) for number in _FIRING.findall(f"{self.title}\n{self.text}"))


@dataclass(frozen=True)
class Tally:
    """What became of the alerts that fired."""

    fired: int
    lost: tuple[int, ...]
    """Numbers that no message told of."""
    doubled: tuple[int, ...]
    """Numbers that several messages told of as firing, or several as ended."""
    delays: tuple[float, ...]
    """Seconds from the beginning of its ten seconds to its first message; without those lost."""


def tally(fired: Iterable[int], told: Iterable[Told], per_slot: int = 1) -> Tally:
    """`fired` are the numbers that the Prometheus pair fired, `told` all messages since before the first of them."""
    numbers = sorted(set(fired))
    first: dict[int, float] = {}
    firing: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    for one in sorted(told, key=lambda message: message.time):
        (ended if one.resolved else firing).update(one.numbers)
        for number in one.numbers:
            first.setdefault(number, one.time)
    return Tally(
        fired=len(numbers),
        lost=tuple(number for number in numbers if number not in first),
        doubled=tuple(number for number in numbers if firing[number] > 1 or ended[number] > 1),
        delays=tuple(first[number] - begin(number, per_slot) for number in numbers if number in first),
    )
