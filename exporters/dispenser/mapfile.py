"""The file format of register maps: one YAML file per dispenser model, every fault with its line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from exporters.dispenser import words
from exporters.dispenser.registermap import LARGEST_REGISTER, Bits, Identity, Place, RegisterMap, Series, Value
from exporters.dispenser.words import Order, WordType
from tapwatch.catalogue import CATALOGUE, Metric
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.settings import Document, Settings, read_document, validate

BUILT_IN = Path(__file__).parent / "maps"
"""The maps that ship with Tapwatch."""

_DEVICE_PREFIX = "dispenser_"

PlaceText = Annotated[Place, BeforeValidator(Place.parse)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class BitsEntry(Settings):
    """`bits`: the name of each bit from bit 0, the lowest, upward; `~` leaves one out."""

    label: Name
    names: Annotated[tuple[str | None, ...], Field(min_length=1, max_length=16)]


class RegisterEntry(Settings):
    """One line under `registers`: where, how to read it, and which series it becomes."""

    at: PlaceText
    type: WordType
    metric: Name
    labels: dict[Name, str] = Field(default_factory=dict)
    scale: Annotated[float, Field(gt=0)] = 1.0
    range: tuple[float, float] | None = None
    order: Order | None = None
    not_available: float | None = None
    bits: BitsEntry | None = None
    value_label: Name | None = None

    @property
    def label_names(self) -> set[str]:
        """All labels that its series have."""
        extra = (self.bits.label if self.bits else None, self.value_label)
        return {*self.labels, *(name for name in extra if name is not None)}


class IdentityEntry(Settings):
    """`identify`: the register that tells the model, and its number there."""

    at: PlaceText
    type: WordType
    equals: float


class MetricEntry(Settings):
    """A metric that only this map has."""

    type: Literal["gauge", "counter"]
    help: Annotated[str, Field(min_length=1)]


class MapFile(Settings):
    """The whole file, as it is written."""

    description: str = ""
    order: Order = "ABCD"
    not_available: dict[WordType, float] = Field(default_factory=dict)
    identify: IdentityEntry | None = None
    metrics: dict[Name, MetricEntry] = Field(default_factory=dict)
    registers: Annotated[list[RegisterEntry], Field(min_length=1)]

    def metric(self, entry: RegisterEntry) -> Metric | None:
        """The metric that a register becomes; None when neither the catalogue nor this file knows it."""
        own = self.metrics.get(entry.metric)
        if own is None:
            return CATALOGUE.get(entry.metric)
        return Metric(entry.metric, own.help, own.type, tuple(sorted(entry.label_names)))


def load_map(path: Path) -> RegisterMap:
    """Read one map; raises ConfigError with every fault of the file."""
    document = read_document(path)
    file = validate(document, MapFile, path.parent)
    faults = sorted(_faults(file, document), key=lambda fault: fault.line or 0)
    if faults:
        raise ConfigError(faults)
    identity = None
    if file.identify is not None:
        identity = Identity(file.identify.at, file.identify.type, file.identify.equals)
    values = tuple(value for entry in file.registers if (value := _value(entry, file)))
    return RegisterMap(path.stem, file.description, file.order, identity, values)


def load_maps(paths: Sequence[Path]) -> dict[str, RegisterMap]:
    """The maps in `paths` beside the built-in ones, by name; one of the same name replaces the built-in one.

    Raises ConfigError with every fault of all files.
    """
    faults = Faults()
    counts = Counter(path.stem for path in paths)
    for path in paths:
        if counts[path.stem] > 1:
            faults.add(Fault(str(path), None, "", f"another map in these settings is named {path.stem!r} too"))
    maps: dict[str, RegisterMap] = {}
    for path in [*sorted(BUILT_IN.glob("*.yaml")), *paths]:
        with faults.collect():
            maps[path.stem] = load_map(path)
    faults.raise_if_any()
    return maps


def _value(entry: RegisterEntry, file: MapFile) -> Value | None:
    metric = file.metric(entry)
    if metric is None:
        return None
    missing = file.not_available.get(entry.type) if entry.not_available is None else entry.not_available
    return Value(
        place=entry.at,
        type=entry.type,
        order=entry.order or file.order,
        scale=entry.scale,
        range=entry.range,
        not_available=missing,
        metric=metric,
        labels=entry.labels,
        bits=Bits(entry.bits.label, entry.bits.names) if entry.bits else None,
        value_label=entry.value_label,
    )


def _faults(file: MapFile, document: Document) -> Iterator[Fault]:
    """What no single key can show: contradictions inside a register, and between registers."""
    if file.identify is not None:
        for message in _place_faults(file.identify.at, file.identify.type):
            yield document.fault(("identify", "at"), message)
    for name in file.metrics:
        if name in CATALOGUE:
            yield document.fault(("metrics", name), "is in Tapwatch's catalogue already; leave it out here")
    for index, entry in enumerate(file.registers):
        for key, message in _entry_faults(entry, file):
            yield document.fault(("registers", index, key), message)
    yield from _overlaps(file, document)
    yield from _repeated_series(file, document)


def _place_faults(place: Place, word_type: WordType) -> Iterator[str]:
    if (word_type == "bit") != (place.space in {"coil", "discrete"}):
        yield f"{place} and {word_type} do not go together: coils and discrete inputs, and only they, are of type bit"
    if place.number + words.width(word_type) - 1 > LARGEST_REGISTER:
        yield f"a {word_type} at {place} reaches past the last register, {LARGEST_REGISTER}"


def _entry_faults(entry: RegisterEntry, file: MapFile) -> Iterator[tuple[str, str]]:
    """The key at fault, and the message."""
    for message in _place_faults(entry.at, entry.type):
        yield "at", message
    yield from _metric_faults(entry, file)
    if entry.range is not None and entry.range[0] >= entry.range[1]:
        yield "range", f"the least value, {entry.range[0]:g}, is not below the greatest, {entry.range[1]:g}"
    if entry.bits is not None and entry.type != "u16":
        yield "bits", f"bits are read from a u16, not from {entry.type}"
    if entry.bits is not None and entry.value_label is not None:
        yield "value_label", "a register has bits or a value_label, not both"


def _metric_faults(entry: RegisterEntry, file: MapFile) -> Iterator[tuple[str, str]]:
    metric = file.metric(entry)
    if metric is None:
        yield "metric", f"{entry.metric} is not in the catalogue; declare its type and help under metrics"
        return
    expected = set(metric.labels)
    if expected != entry.label_names:
        yield "labels", f"{metric.name} has the labels {_listed(expected)}, not {_listed(entry.label_names)}"
    if entry.metric not in file.metrics and not entry.metric.startswith(_DEVICE_PREFIX):
        yield "metric", f"{metric.name} is a metric of Tapwatch itself, not of a device"
    if (metric.type == "counter") != metric.name.endswith("_total"):
        yield "metric", f"{metric.name} is a {metric.type}: counters, and only they, end in _total"


def _listed(labels: set[str]) -> str:
    return ", ".join(sorted(labels)) or "(none)"


def _overlaps(file: MapFile, document: Document) -> Iterator[Fault]:
    """Two numbers may share all of their registers (bits beside a code), not some."""
    spans = sorted((entry.at, entry.at.number + words.width(entry.type), at) for at, entry in enumerate(file.registers))
    space, reach, owner = "", 0, 0
    for place, end, index in spans:
        same_space = place.space == space
        same_span = place == file.registers[owner].at and end == reach
        if same_space and place.number < reach and not same_span:
            line = document.line(("registers", owner))
            yield document.fault(("registers", index, "at"), f"overlaps with the register on line {line}")
        if not same_space or end > reach:
            space, reach, owner = place.space, end, index


def _repeated_series(file: MapFile, document: Document) -> Iterator[Fault]:
    seen: dict[Series, int] = {}
    for index, entry in enumerate(file.registers):
        value = _value(entry, file)
        for series in value.series if value else ():
            if series in seen:
                line = document.line(("registers", seen[series]))
                yield document.fault(("registers", index, "metric"), f"gives the same series as line {line}")
            seen.setdefault(series, index)
