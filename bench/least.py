"""The theoretical least: the cheapest exchanges that read a map off a device, found without the exporter's planner.

Modbus Application Protocol V1.1b3, sections 4.1 and 6; Modbus Messaging on TCP/IP V1.0b, section 3.1; Modbus over
Serial Line V1.02, sections 2.5.1 and 2.5.2.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from exporters.dispenser.address import SerialSettings
from exporters.dispenser.registermap import LARGEST_BIT_READ, LARGEST_WORD_READ, Place, RegisterMap, Space, Span

_BIT_SPACES = frozenset(("coil", "discrete"))
_TCP_BYTES = 12 + 9
"""A request, and an answer without its data."""
_RTU_BYTES = 8 + 5

MayRead = Callable[[Place, int], bool]
"""Whether the device answers a request for so many registers from a place on."""


@dataclass(frozen=True)
class Exchanges:
    """So many requests with their answers, and the bytes of all."""

    requests: int
    bytes: int


@dataclass(frozen=True)
class Wire:
    """How frames look, and the serial line whose time is to be saved, where there is one."""

    name: str
    frame_bytes: int
    serial: SerialSettings | None = None
    turnaround_seconds: float = 0.0

    def bytes(self, space: Space, count: int) -> int:
        """Of one exchange."""
        return self.frame_bytes + (-(-count // 8) if space in _BIT_SPACES else 2 * count)

    def seconds(self, exchanges: Exchanges) -> float:
        """The time that they occupy the serial line, 0 without one."""
        if self.serial is None:
            return 0.0
        pauses = 2 * self.serial.silence_seconds + self.turnaround_seconds
        return exchanges.bytes * self.serial.character_seconds + exchanges.requests * pauses

    def rank(self, exchanges: Exchanges) -> tuple[float, int, int]:
        """Less is better: time on a serial line; on a network first requests, as each is a round trip, then bytes."""
        return self.seconds(exchanges), exchanges.requests, exchanges.bytes


TCP = Wire("TCP", _TCP_BYTES)


def rtu(baudrate: int, turnaround_seconds: float) -> Wire:
    """RTU frames on a serial line."""
    return Wire(f"RTU, {baudrate} baud", _RTU_BYTES, SerialSettings(baudrate), turnaround_seconds)


def least(register_map: RegisterMap, wire: Wire, may_read: MayRead) -> Exchanges:
    """The cheapest exchanges for all that the map names."""
    spans = spans_of(register_map)
    spaces = {place.space for place, _ in spans}
    parts = [_least([one for one in spans if one[0].space == space], wire, may_read) for space in spaces]
    return Exchanges(sum(one.requests for one in parts), sum(one.bytes for one in parts))


def spans_of(register_map: RegisterMap) -> list[Span]:
    """Every number's registers, in order, each once."""
    spans = {(value.place, value.width) for value in register_map.values}
    spans |= {(value.exponent, 1) for value in register_map.values if value.exponent is not None}
    if register_map.identity is not None:
        spans.add((register_map.identity.place, register_map.identity.width))
    return sorted(spans)


def _least(spans: Sequence[Span], wire: Wire, may_read: MayRead) -> Exchanges:
    """Of one space: `best[n]` reads the first n spans, its last exchange any number of them."""
    best = [Exchanges(0, 0)]
    for end in range(1, len(spans) + 1):
        choices = []
        for before in range(end - 1, -1, -1):
            start, count = _hull(spans[before:end])
            if count > (LARGEST_BIT_READ if start.space in _BIT_SPACES else LARGEST_WORD_READ):
                break
            if may_read(start, count):
                head = best[before]
                choices.append(Exchanges(head.requests + 1, head.bytes + wire.bytes(start.space, count)))
        best.append(min(choices, key=wire.rank))
    return best[-1]


def _hull(spans: Collection[Span]) -> Span:
    start = min(place for place, _ in spans)
    return start, max(place.number + width for place, width in spans) - start.number
