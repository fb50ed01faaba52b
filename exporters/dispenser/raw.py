"""Registers as they are, for a device of which nothing is known yet: the numbers and texts that they may stand for."""

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from exporters.dispenser import words
from exporters.dispenser.decode import Decoded
from exporters.dispenser.mapfields import parse_span
from exporters.dispenser.module import Module
from exporters.dispenser.registermap import LARGEST_REGISTER, Place, RegisterMap, Space, Span, Traits, Value
from exporters.dispenser.words import Order
from tapwatch.catalogue import Metric

MOST_REGISTERS = 500
"""A device that refuses each one alone is asked as often; more would keep its line busy for minutes."""

_REGISTER = Metric("register", "What stands in a register.", "gauge")
_LEAST_SHOWN, _MOST_SHOWN = 1e-6, 1e9
"""Between these a floating-point number can be a measurement; others come from words that hold something else."""
_BITS = frozenset(("coil", "discrete"))


def parse_registers(text: str) -> tuple[Place, ...]:
    """The registers of `h0-h19,i0`, in order and each once; raises ValueError with what would be right."""
    spans: list[Span] = [parse_span(part.strip()) for part in text.split(",")]
    places = {Place(first.space, first.number + offset) for first, count in spans for offset in range(count)}
    beyond = [place for place in places if place.number > LARGEST_REGISTER]
    if beyond:
        raise ValueError(
            f"there is no {min(beyond)}: registers are counted from 0 here, and the last is {LARGEST_REGISTER}"
        )
    if len(places) > MOST_REGISTERS:
        raise ValueError(f"{len(places)} registers are too many at once; right would be {MOST_REGISTERS} at the most")
    return tuple(sorted(places))


def raw_module(places: Sequence[Place]) -> Module:
    """A module that reads these registers, and no other, as they are."""
    values = [Value(place, "bit" if place.space in _BITS else "u16", "ABCD", _REGISTER, {}) for place in places]
    return Module(RegisterMap("(registers)", "", "ABCD", None, values, Traits(holes="forbid")))


@dataclass(frozen=True)
class Row:
    """One register, or several that follow each other and were not read."""

    place: str
    cells: Mapping[str, str]
    """By column; empty for what was not read."""


def columns(*, swapped: bool) -> tuple[str, ...]:
    """Name the columns beside a row's place; those of numbers that take two registers say in which order.

    `swapped` is for devices that send the two bytes of each register the other way round.
    """
    first, second = _orders(swapped=swapped)
    return "hex", "u16", "s16", "text", f"u32 {first}", f"u32 {second}", f"f32 {first}", f"f32 {second}"


def rows(places: Sequence[Place], decoded: Sequence[Decoded], *, swapped: bool) -> Iterator[Row]:
    """What each place holds, alone and with the next one; those without an answer stand together."""
    held = {one.value.place: one.raw for one in decoded}

    def run(item: tuple[int, Place]) -> tuple[bool, Space, int]:
        """The same for places that follow each other, and are all held or all missing."""
        index, place = item
        return place in held, place.space, place.number - index

    for (is_held, _, _), group in groupby(enumerate(places), key=run):
        members = [place for _, place in group]
        if is_held:
            yield from (Row(str(place), _cells(place, held, swapped=swapped)) for place in members)
        else:
            yield Row(_spelled(members[0], members[-1]), {})


def _cells(place: Place, held: Mapping[Place, bytes], *, swapped: bool) -> dict[str, str]:
    raw = held[place]
    if place.space in _BITS:
        return {"u16": str(raw[1])}
    first, second = _orders(swapped=swapped)
    unsigned, signed = (words.unpack(raw, word_type, first) for word_type in ("u16", "s16"))
    cells = {"hex": raw.hex(), "u16": str(unsigned), "text": _text(raw, first)}
    if signed != unsigned:
        cells["s16"] = str(signed)
    after = held.get(Place(place.space, place.number + 1))
    if after is not None:
        for order in (first, second):
            cells[f"u32 {order}"] = str(words.unpack(raw + after, "u32", order))
            cells[f"f32 {order}"] = _measurement(words.unpack(raw + after, "f32", order))
    return cells


def _spelled(first: Place, last: Place) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _orders(*, swapped: bool) -> tuple[Order, Order]:
    return ("BADC", "DCBA") if swapped else ("ABCD", "CDAB")


def _measurement(number: float) -> str:
    """The number where it can be one that a device measures, else empty."""
    if number == 0:
        return "0"
    return f"{number:.6g}" if math.isfinite(number) and _LEAST_SHOWN <= abs(number) < _MOST_SHOWN else ""


def _text(raw: bytes, order: Order) -> str:
    """Two characters where the word can be text, else empty."""
    (word,) = struct.unpack(">H" if order == "ABCD" else "<H", raw)
    text = word.to_bytes(2, "big").rstrip(b"\0").decode("latin-1")
    return text if re.fullmatch(r"[ -~]{1,2}", text) and text.strip() else ""
