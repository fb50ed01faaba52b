"""A dispenser's registers, worked out when they are asked for: the reverse of `exporters.dispenser.decode`."""

import math
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from exporters.dispenser import words
from exporters.dispenser.registermap import Identity, RegisterMap, Series, Space, Value
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import Water
from exporters.dispenser.simulator.readings import READINGS, Reading
from exporters.dispenser.words import Order

_ANOTHER_MODEL = 0x1234


_Number = Callable[[Water, Collection[Fault]], float]
"""What registers hold, before it is packed."""


@dataclass(frozen=True)
class _Field:
    """One number and the registers that hold it."""

    start: int
    width: int
    number: _Number
    pack: Callable[[float], bytes]


class Registers:
    """The registers of every dispenser of one model."""

    def __init__(self, register_map: RegisterMap, readings: Mapping[Series, Reading] = READINGS) -> None:
        """A series without a reading is written as not available where the map has a number for that, else as 0."""
        self._fields: dict[tuple[Space, int], _Field] = {}
        if register_map.identity is not None:
            self._add(register_map.identity.place.space, _identity_field(register_map.identity, register_map.order))
        for value in register_map.values:
            self._add(value.place.space, _value_field(value, readings))

    def _add(self, space: Space, field: _Field) -> None:
        for number in range(field.start, field.start + field.width):
            self._fields[space, number] = field

    def read(self, space: Space, start: int, count: int, water: Water, faults: Collection[Fault]) -> list[int] | None:
        """`count` registers from `start` on, a coil or discrete input as 0 or 1; None unless the map has them all."""
        registers: list[int] = []
        while len(registers) < count:
            place = start + len(registers)
            field = self._fields.get((space, place))
            if field is None:
                return None
            raw = field.pack(field.number(water, faults))
            registers += struct.unpack(f">{field.width}H", raw)[place - field.start :]
        return registers[:count]


def _identity_field(identity: Identity, order: Order) -> _Field:
    return _Field(
        identity.place.number,
        words.width(identity.type),
        lambda _, faults: _ANOTHER_MODEL if Fault.IDENTITY in faults else identity.equals,
        lambda number: words.pack(number, identity.type, order),
    )


def _value_field(value: Value, readings: Mapping[Series, Reading]) -> _Field:
    sources = [readings.get(series, _no_reading) for series in value.series]
    return _Field(
        value.place.number,
        value.width,
        _bits(value, sources) if value.bits is not None else _scaled(value, sources[0]),
        lambda number: words.pack(number, value.type, value.order),
    )


def _no_reading(_water: Water, _faults: Collection[Fault]) -> None:
    return None


def _bits(value: Value, sources: Collection[Reading]) -> _Number:
    names = value.bits.names if value.bits is not None else ()
    positions = [position for position, name in enumerate(names) if name is not None]
    pairs = list(zip(positions, sources, strict=True))
    return lambda water, faults: sum(bool(source(water, faults)) << position for position, source in pairs)


def _scaled(value: Value, source: Reading) -> _Number:
    floating, largest = words.is_float(value.type), _largest(value)
    absent = math.nan if floating else value.not_available or 0
    counter, smallest = value.metric.type == "counter", words.limits(value.type)[0]

    def number(water: Water, faults: Collection[Fault]) -> float:
        reading = source(water, faults)
        if reading is None:
            return absent
        if floating:
            return reading / value.scale
        steps = round(reading / value.scale)
        return steps % (largest + 1) if counter else max(smallest, min(largest, steps))

    return number


def _largest(value: Value) -> int:
    """The last number before a counter starts again at 0; the one for "not available" is never counted up to."""
    largest = int(words.limits(value.type)[1])
    return largest - 1 if value.not_available == largest else largest
