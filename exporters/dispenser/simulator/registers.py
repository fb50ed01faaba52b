"""Readings packed into registers as a map says: the reverse of `exporters.dispenser.decode`."""

import math

from exporters.dispenser import words
from exporters.dispenser.registermap import Identity, RegisterMap, Space, Value
from exporters.dispenser.simulator.readings import Readings
from exporters.dispenser.words import Order

Registers = dict[tuple[Space, int], int]
"""Word by space and number; a coil or discrete input holds 0 or 1."""


def encode(register_map: RegisterMap, readings: Readings) -> Registers:
    """Every register of the map; a series that the readings do not have is written as not available, else 0."""
    registers: Registers = {}
    if register_map.identity is not None:
        registers |= encode_identity(register_map.identity, register_map.identity.equals, register_map.order)
    for value in register_map.values:
        raw = words.pack(_number(value, readings), value.type, value.order)
        _place(registers, value.place.space, value.place.number, raw)
    return registers


def encode_identity(identity: Identity, number: float, order: Order) -> Registers:
    """The registers that tell the model."""
    registers: Registers = {}
    _place(registers, identity.place.space, identity.place.number, words.pack(number, identity.type, order))
    return registers


def _place(registers: Registers, space: Space, start: int, raw: bytes) -> None:
    for offset in range(len(raw) // 2):
        registers[space, start + offset] = int.from_bytes(raw[2 * offset : 2 * offset + 2], "big")


def _number(value: Value, readings: Readings) -> float:
    """What the register holds, before it is packed."""
    if value.bits is not None:
        positions = [position for position, name in enumerate(value.bits.names) if name is not None]
        pairs = zip(positions, value.series, strict=True)
        return sum(bool(readings.get(series)) << position for position, series in pairs)
    (series,) = value.series
    reading = readings.get(series)
    if reading is None or math.isnan(reading):
        return math.nan if words.is_float(value.type) else value.not_available or 0
    if words.is_float(value.type):
        return reading / value.scale
    return _fit(round(reading / value.scale), value)


def _fit(number: int, value: Value) -> int:
    """Counters start again at 0 when the register is full, as a device's do; everything else stops at the end."""
    low, high = (int(limit) for limit in words.limits(value.type))
    if value.not_available == high:
        high -= 1
    if value.metric.type == "counter":
        return number % (high + 1)
    return max(low, min(high, number))
