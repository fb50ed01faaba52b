"""A dispenser's registers, worked out when they are asked for: the reverse of `exporters.dispenser.decode`."""

import math
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from exporters.dispenser import words
from exporters.dispenser.registermap import Identity, RegisterMap, Series, Space, Value
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import Water
from exporters.dispenser.simulator.readings import READINGS, Reading
from exporters.dispenser.words import NumberType, Order

_Content = Callable[[Water, Collection[Fault]], bytes]
"""What registers hold, as it goes over the line."""
_Number = Callable[[Water, Collection[Fault]], float]

_REMEMBERED = 1000
"""Requests of so many kinds are looked up once only: clients ask the same ones again and again."""


@dataclass(frozen=True)
class _Field:
    """One number or text and the registers that hold it."""

    start: int
    width: int
    content: _Content


class Registers:
    """The registers of every dispenser of one model."""

    def __init__(self, register_map: RegisterMap, readings: Mapping[Series, Reading] = READINGS) -> None:
        """A series without a reading is written as not available where the map has a number for that, else as 0."""
        self._fields: dict[tuple[Space, int], _Field] = {}
        self._find = lru_cache(_REMEMBERED)(self._fields_of)
        if register_map.identity is not None:
            self._add(register_map.identity.place.space, _identity_field(register_map.identity, register_map.order))
        for value in register_map.values:
            self._add(value.place.space, _value_field(value, readings))
            if value.exponent is not None:
                self._add(value.exponent.space, _Field(value.exponent.number, 1, lambda _water, _faults: b"\0\0"))

    def _add(self, space: Space, field: _Field) -> None:
        """Parts of the same registers are laid over each other."""
        known = self._fields.get((space, field.start))
        if known is not None and known.width == field.width:
            field = _overlaid(known, field)
        for number in range(field.start, field.start + field.width):
            self._fields[space, number] = field

    def read(self, space: Space, start: int, count: int, water: Water, faults: Collection[Fault]) -> list[int] | None:
        """`count` registers from `start` on, a coil or discrete input as 0 or 1; None unless the map has them all."""
        found = self._find(space, start, count)
        if found is None:
            return None
        contents, skipped = found
        raw = b"".join([content(water, faults) for content in contents])
        return list(struct.unpack_from(f">{count}H", raw, skipped))

    def _fields_of(self, space: Space, start: int, count: int) -> tuple[list[_Content], int] | None:
        """What holds these registers, and how many bytes of it lie before them."""
        found: list[_Field] = []
        place = start
        while place < start + count:
            field = self._fields.get((space, place))
            if field is None:
                return None
            found.append(field)
            place = field.start + field.width
        return [field.content for field in found], 2 * (start - found[0].start)


def _overlaid(one: _Field, other: _Field) -> _Field:
    def content(water: Water, faults: Collection[Fault]) -> bytes:
        pairs = zip(one.content(water, faults), other.content(water, faults), strict=True)
        return bytes(left | right for left, right in pairs)

    return _Field(one.start, one.width, content)


def _identity_field(identity: Identity, order: Order) -> _Field:
    right = _packed(identity.equals, identity, order)
    wrong = b"\x12\x34".ljust(len(right), b"\0")
    return _Field(identity.place.number, identity.width, lambda _, faults: wrong if Fault.IDENTITY in faults else right)


def _packed(content: float | str, place: Identity | Value, order: Order) -> bytes:
    if place.type == "string":
        return words.pack_text(str(content), place.width, order)
    return words.pack(float(content), place.type, order)


def _value_field(value: Value, readings: Mapping[Series, Reading]) -> _Field:
    sources = [readings.get(series, _no_reading) for series in value.series]
    if value.type == "string":
        blank = _packed("", value, value.order)
        return _Field(value.place.number, value.width, lambda _water, _faults: blank)
    word_type, pack = value.type, _packer(value.type, value.order)
    number = _bits(value, sources) if value.bits is not None else _scaled(value, word_type, sources[0])
    unit = 1 << value.field[0] if value.field is not None else 1
    return _Field(value.place.number, value.width, lambda water, faults: pack(number(water, faults) * unit))


def _packer(word_type: NumberType, order: Order) -> Callable[[float], bytes]:
    if word_type in words.INTEGER_TYPES and order == "ABCD":  # nearly all there are, so they take the short way
        size, signed = 2 * words.width(word_type), word_type.startswith("s")
        return lambda number: int(number).to_bytes(size, "big", signed=signed)
    return lambda number: words.pack(number, word_type, order)


def _no_reading(_water: Water, _faults: Collection[Fault]) -> None:
    return None


def _bits(value: Value, sources: Collection[Reading]) -> _Number:
    names = value.bits.names if value.bits is not None else ()
    positions = [position for position, name in enumerate(names) if name is not None]
    pairs = list(zip(positions, sources, strict=True))
    return lambda water, faults: sum(bool(source(water, faults)) << position for position, source in pairs)


def _scaled(value: Value, word_type: NumberType, source: Reading) -> _Number:
    floating, largest = words.is_float(word_type), _largest(value, word_type)
    absent = math.nan if floating else _absent(value)
    counter, smallest = value.metric.type == "counter", words.limits(word_type)[0]

    def number(water: Water, faults: Collection[Fault]) -> float:
        reading = source(water, faults)
        if reading is None:
            return absent
        if floating:
            return (reading - value.offset) / value.scale
        steps = round((reading - value.offset) / value.scale)
        return steps % (largest + 1) if counter else max(smallest, min(largest, steps))

    return number


def _absent(value: Value) -> float:
    """The number for "not available", else the first state of an enum, else 0."""
    states = value.enum.names if value.enum is not None else ()
    return next(iter((*value.not_available, *states)), 0)


def _largest(value: Value, word_type: NumberType) -> float:
    """The last number before a counter starts again at 0; the one for "not available" is never counted up to."""
    largest = words.limits(word_type)[1]
    return largest - 1 if largest in value.not_available else largest
