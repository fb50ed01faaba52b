"""The read plan: which ranges of registers to ask for, so that a map costs few exchanges."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporters.dispenser import words
from exporters.dispenser.registermap import Place, RegisterMap, Space, Value

# The most that one request may ask for: Modbus Application Protocol V1.1b3, sections 6.1 to 6.4.
LARGEST_READ: dict[Space, int] = {"input": 125, "holding": 125, "coil": 2000, "discrete": 2000}


@dataclass(frozen=True)
class Read:
    """One request: `count` registers, coils or discrete inputs from `start` on, and the values inside."""

    start: Place
    count: int
    values: tuple[Value, ...]

    def holds(self, place: Place, width: int) -> bool:
        """Whether `width` registers from `place` on are all inside."""
        offset = place.number - self.start.number
        return place.space == self.start.space and offset >= 0 and offset + width <= self.count

    def cut(self, raw: bytes, place: Place, width: int) -> bytes:
        """The bytes of `width` registers from `place` on, out of the answer's."""
        offset = 2 * (place.number - self.start.number)
        return raw[offset : offset + 2 * width]

    def __str__(self) -> str:
        return f"{self.start}+{self.count}"


def plan_reads(register_map: RegisterMap) -> tuple[Read, ...]:
    """The reads for a map: registers that touch share one; the one with the identity comes first.

    Registers that the map does not name are never asked for, since many devices refuse a range with a hole in it.
    """
    identity = register_map.identity
    spans = {(value.place, value.width) for value in register_map.values}
    if identity is not None:
        spans.add((identity.place, words.width(identity.type)))
    reads = []
    for start, count in _ranges(spans):
        empty = Read(start, count, ())
        values = tuple(value for value in register_map.values if empty.holds(value.place, value.width))
        reads.append(Read(start, count, values))
    if identity is not None:
        reads.sort(key=lambda read: not read.holds(identity.place, words.width(identity.type)))
    return tuple(reads)


def _ranges(spans: Iterable[tuple[Place, int]]) -> list[tuple[Place, int]]:
    """Spans that touch or overlap, joined while they fit into one request."""
    ranges: list[tuple[Place, int]] = []
    for place, width in sorted(spans):
        if ranges:
            start, count = ranges[-1]
            joined = max(count, place.number + width - start.number)
            touches = place.space == start.space and place.number <= start.number + count
            if touches and joined <= LARGEST_READ[place.space]:
                ranges[-1] = start, joined
                continue
        ranges.append((place, width))
    return ranges
