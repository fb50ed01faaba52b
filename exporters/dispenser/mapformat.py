"""The file format of register maps: the keys that people write."""

from typing import Annotated, Literal

from pydantic import Field

from exporters.dispenser.mapfields import (
    Duration,
    Finite,
    InFlight,
    LabelName,
    LabelValue,
    MetricName,
    NumberOrText,
    Numbers,
    NumberTypeName,
    PlaceText,
    Scale,
    SpanText,
    StateNumber,
    Text,
    TypeName,
)
from exporters.dispenser.registermap import LARGEST_BIT_READ, LARGEST_WORD_READ, Refresh, Traits
from exporters.dispenser.words import Order
from tapwatch.catalogue import CATALOGUE, Metric
from tapwatch.settings import Settings


class Entry(Settings, use_attribute_docstrings=True):
    """The base of the format's parts: the text below a key describes it, here and in editors."""


class BitsEntry(Entry):
    """The bits of the register, each its own series: 1 while it is set, else 0."""

    label: LabelName
    """The label that tells the bits apart."""
    names: Annotated[tuple[Text | None, ...], Field(min_length=1)]
    """The label's value for each bit from bit 0, the lowest, upward; `~` leaves one out."""


class EnumEntry(Entry):
    """The states that the number stands for, each its own series: 1 for the one that holds, 0 for the others."""

    label: LabelName
    """The label that tells the states apart."""
    names: Annotated[dict[StateNumber, Text], Field(min_length=1)]
    """The label's value for each number that the register may hold."""


class RegisterEntry(Entry):
    """One number or text in the device, and the series it becomes."""

    at: PlaceText
    """Where: i input register, h holding register, c coil, d discrete input, and its number, as i16. The first register
    of a wider number."""
    type: TypeName
    """How the registers are read: unsigned, signed, floating-point and packed decimal numbers by their bits; bit for
    coils and discrete inputs; string for text."""
    metric: MetricName
    """The metric's name: one of Tapwatch's catalogue, or one declared under `metrics`."""
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)
    """The labels of this register's series."""
    length: Annotated[int, Field(ge=1, le=LARGEST_WORD_READ)] | None = None
    """How many registers a string takes."""
    order: Order | None = None
    """The order of the bytes on the line, from A, the most significant; the map's when it is not given."""
    field: tuple[int, int] | None = None
    """The lowest and the highest bit of the part that counts, when one register holds several numbers: [8, 15]."""
    scale: Scale = 1.0
    """The number in the register times this, plus `offset`, is the value in the metric's unit."""
    offset: Finite = 0.0
    """What is added after scaling, in the metric's unit."""
    exponent: PlaceText | None = None
    """An s16 register with a power of ten that the number is scaled by as well: SunSpec's scale factor."""
    range: tuple[Finite, Finite] | None = None
    """The least and the greatest possible value after scaling; others are discarded and counted."""
    not_available: Numbers | None = None
    """The numbers in the register that stand for no value; the map's for the type when it is not given."""
    bits: BitsEntry | None = None
    """One series for each bit."""
    enum: EnumEntry | None = None
    """One series for each state that the number stands for."""
    value_label: LabelName | None = None
    """The label that takes the number or the text; the series' own value is always 1, as `_info` metrics have it."""
    refresh: Refresh = "always"
    """How often to read it: at every probe, or when what is known is older than `max_age` of slow or static values."""

    @property
    def label_names(self) -> set[str]:
        """All labels that its series have."""
        named = (self.bits, self.enum)
        extra = (*(entry.label for entry in named if entry is not None), self.value_label)
        return {*self.labels, *(name for name in extra if name is not None)}


class IdentityEntry(Entry):
    """The register that tells the model: a device with something else there is refused."""

    at: PlaceText
    """Where it is, as in `registers`."""
    type: TypeName
    """How it is read, as in `registers`."""
    length: Annotated[int, Field(ge=1, le=LARGEST_WORD_READ)] | None = None
    """How many registers a string takes."""
    equals: NumberOrText
    """The number or the text that devices of this model have there."""


class MetricEntry(Entry):
    """A metric that Tapwatch's catalogue does not have."""

    type: Literal["gauge", "counter"]
    """counter for what only grows, with a name that ends in `_total`; else gauge."""
    help: Text
    """What it is, in one sentence."""


class CapsEntry(Entry):
    """The most that one request may ask for."""

    words: Annotated[int, Field(ge=1, le=LARGEST_WORD_READ)] = Traits.words
    """Registers."""
    bits: Annotated[int, Field(ge=1, le=LARGEST_BIT_READ)] = Traits.bits
    """Coils or discrete inputs."""


class LineEntry(Entry):
    """The serial line that the devices hang on, for the cost of a read."""

    baudrate: Annotated[int, Field(ge=1)] | None = None
    """Its speed in bits per second; without it the device is taken to be on the network itself."""
    turnaround: Duration = Traits.turnaround
    """The time that a device thinks before it answers."""


class MaxAgeEntry(Entry):
    """How old slow and static values may grow before they are read again."""

    slow: Annotated[Duration, Field(gt=0)] | None = None
    """Of values with `refresh: slow`."""
    static: Annotated[Duration, Field(gt=0)] | None = None
    """Of values with `refresh: static`."""


class MapFile(Entry):
    """A register map of Tapwatch: what the registers of one device model mean."""

    description: str = ""
    """The devices' maker and model."""
    counted_from: Literal[0, 1] = 0
    """The number that the file gives to the first register of each kind. 0: as on the line; 1: as many manuals do."""
    order: Order = "ABCD"
    """The order of the bytes of a 32-bit number as they come over the line, from A, the most significant."""
    not_available: dict[NumberTypeName, Numbers] = Field(default_factory=dict)
    """For each type, the numbers that stand for no value."""
    identify: IdentityEntry | None = None
    """The register that tells the model."""
    caps: CapsEntry = CapsEntry()
    """How much one request may ask for, where a device takes less than Modbus allows."""
    holes: Literal["learn", "readable", "forbid"] = Traits.holes
    """Whether registers that the file does not name may be read along: until one is refused, always, or never."""
    forbidden: tuple[SpanText, ...] = ()
    """Registers that must never be asked for, as i20-i29."""
    idle: Duration = Traits.idle
    """The rest that a device needs between two requests."""
    in_flight: InFlight = Traits.in_flight
    """How many requests a Modbus TCP device takes at once."""
    timeout: Annotated[Duration, Field(gt=0)] | None = None
    """The longest wait for one answer; the exporter's own when it is not given."""
    line: LineEntry = LineEntry()
    """The serial line that the devices hang on."""
    max_age: MaxAgeEntry = MaxAgeEntry()
    """How old slow and static values may grow."""
    metrics: dict[MetricName, MetricEntry] = Field(default_factory=dict)
    """The metrics that only this map has."""
    registers: Annotated[list[RegisterEntry], Field(min_length=1)]
    """What to read."""

    def metric(self, entry: RegisterEntry) -> Metric | None:
        """The metric that a register becomes; None when neither the catalogue nor this file knows it."""
        own = self.metrics.get(entry.metric)
        if own is None:
            return CATALOGUE.get(entry.metric)
        return Metric(entry.metric, own.help, own.type, tuple(sorted(entry.label_names)))
