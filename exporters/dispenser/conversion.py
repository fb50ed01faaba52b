"""A module of modbus_exporter's settings as a register map: what becomes what, and what cannot.

Source of every rule: the package `modbus` of github.com/RichiH/modbus_exporter, version 0.4.1.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from exporters.dispenser import words
from exporters.dispenser.mapfaults import listed, tells_of_devices
from exporters.dispenser.mapfields import LABEL_NAME, METRIC_NAME
from exporters.dispenser.modbusyml import DataType, Endianness, PeerMetric, PeerModule
from exporters.dispenser.registermap import LARGEST_REGISTER, Place, Space
from exporters.dispenser.words import NumberType, Order
from tapwatch.catalogue import CATALOGUE

BitRule = Literal["0.4.1", "documented"]
"""Which bit of a register a bitOffset of n is: n + 8, as modbus_exporter 0.4.1 reads it, or n, as it is documented."""

MODULE_LABEL = "module"
"""modbus_exporter gives it to every series; here it comes from the inventory."""

_SPACES: dict[str, Space] = {"1": "coil", "2": "discrete", "3": "holding", "4": "input"}
_ORDERS: dict[Endianness, Order] = {"big": "ABCD", "little": "DCBA", "mixed": "BADC", "yolo": "CDAB"}
_TYPES: dict[DataType, NumberType] = {
    "bool": "u16",
    "int16": "s16",
    "uint16": "u16",
    "float16": "f16",
    "int32": "s32",
    "uint32": "u32",
    "float32": "f32",
    "int64": "s64",
    "uint64": "u64",
    "float64": "f64",
}
_WORD_BITS = 16
_BYTE_BITS = 8


@dataclass(frozen=True)
class Reading:
    """One metric that can be converted, and how its value is read."""

    index: int
    """Which of the module's metrics it is."""
    metric: PeerMetric
    place: Place
    type: NumberType
    order: Order
    bit: int | None
    """Of a bool in a register."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of its series."""
        return {name: value for name, value in self.metric.labels.items() if name != MODULE_LABEL}

    @property
    def series(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Its metric's name and its labels."""
        return self.metric.name, tuple(sorted(self.labels.items()))

    def overlaps(self, other: "Reading") -> bool:
        """Whether they share some registers, but not all."""
        mine, theirs = self.span, other.span
        return self.place.space == other.place.space and mine != theirs and mine[0] < theirs[1] and theirs[0] < mine[1]

    @property
    def span(self) -> tuple[int, int]:
        """The number of its first register, and the one after its last."""
        return self.place.number, self.place.number + words.width(self.type)


Note = tuple[int | None, str]
"""Which of the module's metrics, None for the module itself; and what is different or cannot be converted."""


class _LeftOutError(Exception):
    """Why a metric cannot be converted."""


def convertible(module: PeerModule, rule: BitRule) -> tuple[list[Reading], list[Note]]:
    """The metrics of a module that a map can hold, and a note for each of the others."""
    readings: list[Reading] = []
    notes: list[Note] = []
    for index, metric in enumerate(module.metrics):
        try:
            readings.append(_reading(index, metric, rule))
        except _LeftOutError as error:
            notes.append((index, f"is left out: {error}"))
    for check in (_unlike_the_catalogue, _unlike_the_first, _repeated, _overlapping):
        reasons = dict(check(readings))
        notes += [(index, f"is left out: {reason}") for index, reason in reasons.items()]
        readings = [reading for reading in readings if reading.index not in reasons]
    return readings, notes


def _reading(index: int, metric: PeerMetric, rule: BitRule) -> Reading:
    """Raises _LeftOutError when modbus_exporter itself fails on the metric, or a map has no way to say it."""
    _check_names(metric)
    place = _place(metric.address)
    if place.space in {"coil", "discrete"}:
        _check_coil(metric)
        return Reading(index, metric, place, "bit", "ABCD", None)
    word_type = _TYPES[metric.data_type]
    if place.number + words.width(word_type) - 1 > LARGEST_REGISTER:
        raise _LeftOutError(f"{metric.data_type} at {place} reaches past the last register, {LARGEST_REGISTER}")
    bit = _bit(metric, rule) if metric.data_type == "bool" else None
    return Reading(index, metric, place, word_type, _order(metric, word_type), bit)


def _check_names(metric: PeerMetric) -> None:
    if not re.fullmatch(METRIC_NAME, metric.name):
        raise _LeftOutError(f"{metric.name!r} is not the name of a metric")
    for label in metric.labels:
        if not re.fullmatch(LABEL_NAME, label):
            raise _LeftOutError(f"{label!r} is not the name of a label")


def _place(address: int) -> Place:
    digits = str(address)
    if digits[0] not in _SPACES or len(digits) == 1:
        raise _LeftOutError(f"address {address} must be a function, 1 to 4, with the register's number behind it")
    number = int(digits[1:])
    if number > LARGEST_REGISTER:
        raise _LeftOutError(f"address {address} is past the last register, {LARGEST_REGISTER}")
    return Place(_SPACES[digits[0]], number)


def _check_coil(metric: PeerMetric) -> None:
    if metric.data_type != "bool":
        raise _LeftOutError(f"a coil or discrete input is a bool, not {metric.data_type}; modbus_exporter fails on it")
    if metric.bit_offset is None:
        raise _LeftOutError("modbus_exporter fails on a bool without bitOffset; 0 would be right here")
    if metric.bit_offset != 0:
        raise _LeftOutError(f"a coil or discrete input is one bit, so bitOffset {metric.bit_offset} is always 0")


def _bit(metric: PeerMetric, rule: BitRule) -> int:
    offset = metric.bit_offset
    if offset is None:
        raise _LeftOutError("modbus_exporter fails on a bool without bitOffset")
    if not 0 <= offset < _WORD_BITS:
        raise _LeftOutError(f"a register has bits 0 to {_WORD_BITS - 1}, so bitOffset {offset} is always 0")
    if rule == "documented":
        return offset
    if offset >= _BYTE_BITS:
        raise _LeftOutError(
            f"bitOffset {offset} is always 0 in modbus_exporter 0.4.1; with --bits documented it is bit {offset}"
        )
    return offset + _BYTE_BITS


def _order(metric: PeerMetric, word_type: NumberType) -> Order:
    """Bits are always taken from the register as it came; mixed and yolo mean nothing for a single register."""
    if metric.data_type == "bool" or (words.width(word_type) == 1 and metric.endianness != "little"):
        return "ABCD"
    return _ORDERS[metric.endianness]


Check = Callable[[Sequence[Reading]], Iterator[tuple[int, str]]]
"""Which metrics are to be left out, and why."""


def _unlike_the_catalogue(readings: Sequence[Reading]) -> Iterator[tuple[int, str]]:
    for reading in readings:
        known = CATALOGUE.get(reading.metric.name)
        if known is None:
            continue
        if not tells_of_devices(known):
            yield reading.index, "Tapwatch itself has a metric of this name"
        elif set(known.labels) != reading.labels.keys():
            labels = listed(set(known.labels))
            yield reading.index, f"Tapwatch has a metric of this name, with other labels: {labels}"


def _unlike_the_first(readings: Sequence[Reading]) -> Iterator[tuple[int, str]]:
    first: dict[str, Reading] = {}
    for reading in readings:
        owner = first.setdefault(reading.metric.name, reading)
        if owner.labels.keys() != reading.labels.keys():
            yield reading.index, "its labels are others than those of the first one of its name"
        elif owner.metric.metric_type != reading.metric.metric_type:
            yield reading.index, f"the first one of its name is a {owner.metric.metric_type}"


def _repeated(readings: Sequence[Reading]) -> Iterator[tuple[int, str]]:
    """A gauge that is set twice has its last value; a counter that is added to twice, the sum."""
    last = {reading.series: reading.index for reading in readings}
    seen = set()
    for reading in readings:
        if reading.metric.metric_type == "gauge" and last[reading.series] != reading.index:
            yield reading.index, "a later one gives the same series, and modbus_exporter shows the last"
        if reading.metric.metric_type == "counter" and reading.series in seen:
            yield reading.index, "an earlier one gives the same series; modbus_exporter adds them up, a map cannot"
        seen.add(reading.series)


def _overlapping(readings: Sequence[Reading]) -> Iterator[tuple[int, str]]:
    kept: list[Reading] = []
    for reading in readings:
        other = next((one for one in kept if reading.overlaps(one)), None)
        if other is None:
            kept.append(reading)
        else:
            yield (
                reading.index,
                f"it shares some of its registers, but not all, with {other.metric.name} at {other.place}",
            )
