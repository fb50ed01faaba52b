"""The read plan: the cheapest requests that cover the registers of a map, by dynamic programming over what they cost.

A request can also read registers that nobody wants, when that is cheaper than another request. Which ranges a device
refuses is learned: whatever holds a refused range is refused as well, so it is never asked for again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporters.dispenser.cost import CostModel
from exporters.dispenser.registermap import (
    LARGEST_BIT_READ,
    LARGEST_WORD_READ,
    Identity,
    Place,
    Refresh,
    RegisterMap,
    Space,
    Span,
    Traits,
    Value,
)

_WORTH_WAITING = 1.05
"""Leaving out what need not be read again must save more than this share of the time, or all is read."""


@dataclass(frozen=True)
class Limits:
    """What a device bears: from its map, and learned from what it refused."""

    words: int = LARGEST_WORD_READ
    bits: int = LARGEST_BIT_READ
    gaps: bool = True
    """Whether registers that nobody wants may be read along."""
    refused: frozenset[Span] = frozenset()
    """No request may hold all of one of these."""
    forbidden: frozenset[Span] = frozenset()
    """No request may hold any part of one of these."""

    @classmethod
    def of(cls, traits: Traits) -> "Limits":
        """Before anything was learned."""
        return cls(traits.words, traits.bits, traits.holes != "forbid", frozenset(), frozenset(traits.forbidden))

    def largest(self, space: Space) -> int:
        """The most that one request may ask for."""
        return self.bits if space in {"coil", "discrete"} else self.words

    def allow(self, start: Place, count: int) -> bool:
        """Whether a request may ask for the range."""
        end = start.number + count
        return (
            count <= self.largest(start.space)
            and not any(
                place.space == start.space and start.number <= place.number and place.number + width <= end
                for place, width in self.refused
            )
            and not any(
                place.space == start.space and start.number < place.number + width and place.number < end
                for place, width in self.forbidden
            )
        )


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


def plan_reads(
    register_map: RegisterMap,
    cost: CostModel,
    limits: Limits | None = None,
    due: Collection[Refresh] = ("always", "slow", "static"),
) -> tuple[Read, ...]:
    """The cheapest requests for a map's identity and its values that are `due`; the identity's comes first.

    Values that are not due are read along when that costs next to nothing. Values that lie in a refused or forbidden
    range are in no read.
    """
    limits = limits or Limits.of(register_map.traits)
    everything = _plan(register_map, register_map.values, cost, limits)
    wanted = [value for value in register_map.values if value.refresh in due]
    if len(wanted) == len(register_map.values):
        return everything
    selected = _plan(register_map, wanted, cost, limits)
    worth = total_seconds(everything, cost) > _WORTH_WAITING * total_seconds(selected, cost)
    return selected if worth else everything


def total_seconds(reads: Iterable[Read], cost: CostModel) -> float:
    """The time that the reads take, one after the other."""
    return sum(cost.seconds(read.start.space, read.count) for read in reads)


def cheapest_ranges(spans: Iterable[Span], cost: CostModel, limits: Limits) -> list[Span]:
    """The cheapest requests that cover all spans that can be read at all, in the order of their places."""
    ranges: list[Span] = []
    for space in ("input", "holding", "coil", "discrete"):
        pieces = [
            (place, width) for place, width in joined(spans) if place.space == space and limits.allow(place, width)
        ]
        ranges += _cover(pieces, cost, limits)
    return ranges


def _plan(register_map: RegisterMap, values: Sequence[Value], cost: CostModel, limits: Limits) -> tuple[Read, ...]:
    spans = {span for value in values for span in spans_of(value)}
    identity = register_map.identity
    if identity is not None:
        spans |= set(spans_of(identity))
    reads = []
    for start, count in cheapest_ranges(spans, cost, limits):
        empty = Read(start, count, ())
        inside = tuple(value for value in register_map.values if empty.holds(value.place, value.width))
        reads.append(Read(start, count, inside))
    if identity is not None:
        reads.sort(key=lambda read: not read.holds(identity.place, identity.width))
    return tuple(_apart(reads))


def _apart(reads: Sequence[Read]) -> Iterator[Read]:
    """Reads of one length apart from each other, where that can be had, and the first one first.

    On RTU framing the answer to one of another length shows that the double of an older answer is not on the way.
    """
    left, last = list(reads), None
    while left:
        lengths = Counter(_length(read) for read in left)
        chosen = left[0] if last is None else min(left, key=lambda one: (_length(one) == last, -lengths[_length(one)]))
        left.remove(chosen)
        last = _length(chosen)
        yield chosen


def _length(read: Read) -> tuple[Space, int]:
    return read.start.space, read.count


def spans_of(value: Value | Identity) -> Iterable[Span]:
    """What must be read for a value: its registers and its exponent's."""
    yield value.place, value.width
    if isinstance(value, Value) and value.exponent is not None:
        yield value.exponent, 1


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap as one: a number must not be cut."""
    whole: list[Span] = []
    for place, width in sorted(set(spans)):
        if whole:
            last, reach = whole[-1]
            if place.space == last.space and place.number < last.number + reach:
                whole[-1] = last, max(reach, place.number + width - last.number)
                continue
        whole.append((place, width))
    return whole


def _cover(pieces: Sequence[Span], cost: CostModel, limits: Limits) -> list[Span]:
    """The cheapest ranges over pieces of one space, in order.

    `best[n]` is the least cost of the first n pieces, and the piece that the last of its ranges begins with.
    """
    best: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    for last in range(len(pieces)):
        choices = [
            (best[first][0] + cost.seconds(start.space, count), best[first][1] + 1, first)
            for first, start, count in _ranges_to(pieces, last, limits)
        ]
        best.append(min(choices))
    ranges: list[Span] = []
    end = len(pieces)
    while end:
        first = best[end][2]
        ranges.append(_hull(pieces, first, end - 1))
        end = first
    return ranges[::-1]


def _ranges_to(pieces: Sequence[Span], last: int, limits: Limits) -> Iterator[tuple[int, Place, int]]:
    """Every range that one request may ask for and that ends with the piece `last`: its first piece, and the range."""
    for first in range(last, -1, -1):
        start, count = _hull(pieces, first, last)
        if count > limits.largest(start.space):
            return
        if not limits.gaps and first < last and _end(pieces[first]) < pieces[first + 1][0].number:
            return
        if limits.allow(start, count):
            yield first, start, count


def _hull(pieces: Sequence[Span], first: int, last: int) -> Span:
    start, (end, width) = pieces[first][0], pieces[last]
    return start, end.number + width - start.number


def _end(span: Span) -> int:
    return span[0].number + span[1]
