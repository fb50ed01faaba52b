"""Register maps: what the registers of one dispenser model mean, ready to plan and decode with."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
class Enum:
    """The states that a number stands for: each its own series, 1 for the one that holds and 0 for the others."""

    label: str
    names: Mapping[int, str]


@dataclass(frozen=True)
class Identity:
    """A register that tells the model: a device with something else there is refused."""

    place: Place
    type: WordType
    equals: float | str
    length: int = 1
    """How many registers a text takes."""

    @property
    def width(self) -> int:
        """How many registers it takes."""
        return self.length if self.type == "string" else words.width(self.type)


Refresh = Literal["always", "slow", "static"]
"""How often a value is read: at every probe, or when what is known of it is older than the map says."""


@dataclass(frozen=True)
class Value:
    """One number or text in a device's registers, and the series it becomes."""

    place: Place
    type: WordType
    order: Order
    metric: Metric
    labels: Mapping[str, str]
    scale: float = 1.0
    """The number in the register times this, plus the offset, is the value in the metric's unit."""
    offset: float = 0.0
    exponent: Place | None = None
    """An s16 register with a power of ten that the number is scaled by as well: SunSpec's scale factor."""
    field: tuple[int, int] | None = None
    """The lowest and highest bit of the part of the integer that counts; None for all of it."""
    range: tuple[float, float] | None = None
    """The least and greatest possible value, after scaling."""
    not_available: frozenset[float] = frozenset()
    """The numbers in the register that stand for no value; NaN always does."""
    bits: Bits | None = None
    enum: Enum | None = None
    value_label: str | None = None
    """The label that takes the number or the text, for a series whose own value is always 1."""
    length: int = 1
    """How many registers a text takes."""
    refresh: Refresh = "always"

    @property
    def width(self) -> int:
        """How many registers, coils or discrete inputs it takes."""
        return self.length if self.type == "string" else words.width(self.type)

    @property
    def series(self) -> Iterator[Series]:
        """Every series it becomes; a label that takes the number or text stands empty."""
        own = dict(self.labels)
        if self.value_label is not None:
            own[self.value_label] = ""
        states: tuple[str, Iterable[str | None]] | None = None
        if self.bits is not None:
            states = self.bits.label, self.bits.names
        elif self.enum is not None:
            states = self.enum.label, self.enum.names.values()
        if states is None:
            yield self.metric.name, tuple(sorted(own.items()))
            return
        for name in states[1]:
            if name is not None:
                yield self.metric.name, tuple(sorted({**own, states[0]: name}.items()))


Span = tuple[Place, int]
"""Registers that follow each other: the first one, and how many."""

# The most that one request may ask for: Modbus Application Protocol V1.1b3, sections 6.1 to 6.4.
LARGEST_WORD_READ = 125
LARGEST_BIT_READ = 2000


@dataclass(frozen=True)
class Traits:
    """What a model's devices bear, and the line that they usually hang on."""

    words: int = LARGEST_WORD_READ
    """The most registers that one request may ask for."""
    bits: int = LARGEST_BIT_READ
    """The most coils or discrete inputs that one request may ask for."""
    holes: Literal["learn", "readable", "forbid"] = "learn"
    """Whether registers that the map does not name may be read along: until one is refused, always, or never."""
    forbidden: tuple[Span, ...] = ()
    """Registers that must never be asked for."""
    idle: float = 0.0
    """Seconds of rest that a device needs between two requests."""
    in_flight: int | Literal["learn"] = 1
    """Requests that a Modbus TCP device takes at once."""
    timeout: float | None = None
    """The longest wait for one answer in seconds; None for what the exporter's settings say."""
    baudrate: int | None = None
    """The speed of the serial line behind a gateway; None when there is none, or it is not known."""
    turnaround: float = 0.02
    """Seconds that a device thinks before it answers."""


@dataclass(frozen=True)
class RegisterMap:
    """One model's map."""

    name: str
    """What `module=` in a probe says: the file's stem."""
    description: str
    order: Order
    identity: Identity | None
    values: Sequence[Value]
    traits: Traits = Traits()
    max_age: Mapping[Refresh, float] = field(default_factory=lambda: {"slow": 60.0, "static": 3600.0})
    """Seconds after which slow and static values are read again."""
