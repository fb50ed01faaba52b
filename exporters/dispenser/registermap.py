"""Register maps: what the registers of one dispenser model mean, ready to plan and decode with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from exporters.dispenser import words
from exporters.dispenser.words import Order, WordType
from tapwatch.catalogue import Metric

Space = Literal["input", "holding", "coil", "discrete"]

LARGEST_REGISTER = 65535

_SPACES: dict[str, Space] = {"i": "input", "h": "holding", "c": "coil", "d": "discrete"}
_PLACE = re.compile(r"([ihcd])([0-9]{1,5})")

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its labels."""


@dataclass(frozen=True, order=True)
class Place:
    """A register's address: its space and its number as it goes over the line, counted from 0."""

    space: Space
    number: int

    @classmethod
    def parse(cls, text: object) -> "Place":
        """`i0` input register, `h0` holding register, `c0` coil, `d0` discrete input; raises ValueError."""
        match = _PLACE.fullmatch(str(text))
        if match is None or int(match[2]) > LARGEST_REGISTER:
            raise ValueError(
                f"{text!r} is not a register; right would be i, h, c or d (input, holding, coil, discrete) "
                f"and a number from 0 to {LARGEST_REGISTER}, as i16"
            )
        return cls(_SPACES[match[1]], int(match[2]))

    def __str__(self) -> str:
        return f"{self.space[0]}{self.number}"


@dataclass(frozen=True)
class Bits:
    """The bits of one register, each its own series."""

    label: str
    names: tuple[str | None, ...]
    """From bit 0, the lowest, upward; None leaves a bit out."""


@dataclass(frozen=True)
class Identity:
    """A register that tells the model: a device with another number there is refused."""

    place: Place
    type: WordType
    equals: float


@dataclass(frozen=True)
class Value:
    """One number in a device's registers, and the series it becomes."""

    place: Place
    type: WordType
    order: Order
    scale: float
    """The number in the register times this is the value in the metric's unit."""
    range: tuple[float, float] | None
    """The least and greatest possible value, after scaling."""
    not_available: float | None
    """The number in the register that stands for no value; NaN always does."""
    metric: Metric
    labels: Mapping[str, str]
    bits: Bits | None = None
    value_label: str | None = None
    """The label that takes the number, for a series whose own value is always 1."""

    @property
    def width(self) -> int:
        """How many registers, coils or discrete inputs it takes."""
        return words.width(self.type)

    @property
    def series(self) -> Iterator[Series]:
        """Every series it becomes; a label that takes the number stands empty."""
        own = dict(self.labels)
        if self.value_label is not None:
            own[self.value_label] = ""
        if self.bits is None:
            yield self.metric.name, tuple(sorted(own.items()))
            return
        for name in self.bits.names:
            if name is not None:
                yield self.metric.name, tuple(sorted({**own, self.bits.label: name}.items()))


@dataclass(frozen=True)
class RegisterMap:
    """One model's map."""

    name: str
    """What `module=` in a probe says: the file's stem."""
    description: str
    order: Order
    identity: Identity | None
    values: Sequence[Value]
