"""The theoretical least is that: no other way to read a map's registers is cheaper."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.least import TCP, Exchanges, Wire, least, rtu, spans_of
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.registermap import Identity, Place, RegisterMap, Span, Value
from exporters.dispenser.words import WordType
from tapwatch.catalogue import DISPENSER_ERROR_CODE

SLOW = rtu(9600, 0.02)


def a_map(*places: tuple[str, WordType], identity: Identity | None = None) -> RegisterMap:
    values = [Value(Place.parse(at), kind, "ABCD", DISPENSER_ERROR_CODE, {"at": at}) for at, kind in places]
    return RegisterMap("test", "", "ABCD", identity, values)


def anything(_start: Place, _count: int) -> bool:
    return True


def test_the_default_map_takes_the_exchange_that_the_standards_give() -> None:
    default = load_maps([])["default"]
    assert least(default, TCP, anything) == Exchanges(1, 12 + 9 + 2 * 48)
    assert least(default, SLOW, anything) == Exchanges(1, 8 + 5 + 2 * 48)
    assert SLOW.seconds(Exchanges(1, 109)) == pytest.approx(0.1529, abs=1e-4)
    assert TCP.seconds(Exchanges(1, 117)) == 0


def test_a_gap_is_read_along_while_that_is_cheaper() -> None:
    """At 9600 baud with 20 ms turnaround another request costs as much as 18.7 registers."""
    assert least(a_map(("i0", "u16"), ("i19", "u16")), SLOW, anything).requests == 1
    assert least(a_map(("i0", "u16"), ("i20", "u16")), SLOW, anything).requests == 2
    assert least(a_map(("i0", "u16"), ("i124", "u16")), TCP, anything).requests == 1
    assert least(a_map(("i0", "u16"), ("i125", "u16")), TCP, anything).requests == 2


def test_bits_are_eight_to_a_byte_and_two_thousand_to_a_request() -> None:
    assert least(a_map(("c0", "bit"), ("c1999", "bit")), TCP, anything) == Exchanges(1, 21 + 250)
    assert least(a_map(("c0", "bit"), ("c2000", "bit")), TCP, anything) == Exchanges(2, 2 * (21 + 1))


def test_spaces_are_never_read_together() -> None:
    assert least(a_map(("c0", "bit"), ("d0", "bit"), ("h0", "u16"), ("i0", "u16")), TCP, anything).requests == 4


def test_a_wide_number_is_never_divided() -> None:
    wide = a_map(*((f"h{4 * number}", "u64") for number in range(32)))
    assert least(wide, TCP, anything) == Exchanges(2, 2 * 21 + 2 * 128)


def test_what_a_device_refuses_is_not_read_across() -> None:
    def has_no_five(start: Place, count: int) -> bool:
        return not start.number <= 5 < start.number + count

    assert least(a_map(("i0", "u16"), ("i9", "u16")), TCP, has_no_five) == Exchanges(2, 2 * (21 + 2))


def test_exponents_and_the_identity_are_read_once() -> None:
    value = Value(Place("holding", 0), "u16", "ABCD", DISPENSER_ERROR_CODE, {}, exponent=Place("holding", 9))
    identity = Identity(Place("holding", 9), "u16", 1)
    found = spans_of(RegisterMap("test", "", "ABCD", identity, [value]))
    assert found == [(Place("holding", 0), 1), (Place("holding", 9), 1)]


def partitions(spans: Sequence[Span]) -> Iterator[list[list[Span]]]:
    """Every way to divide them, in their order, into requests."""
    if not spans:
        yield []
    for size in range(1, len(spans) + 1):
        for rest in partitions(spans[size:]):
            yield [list(spans[:size]), *rest]


@given(
    numbers=st.sets(st.integers(0, 300), min_size=1, max_size=8),
    holes=st.sets(st.integers(0, 300), max_size=4),
    wire=st.sampled_from([TCP, SLOW, rtu(115200, 0.005)]),
)
def test_no_division_of_the_registers_is_cheaper(numbers: set[int], holes: set[int], wire: Wire) -> None:
    def may_read(start: Place, count: int) -> bool:
        return not any(start.number <= hole < start.number + count for hole in holes - numbers)

    register_map = a_map(*((f"i{number}", "u16") for number in sorted(numbers)))
    possible = []
    for division in partitions(spans_of(register_map)):
        ranges = [(part[0][0], part[-1][0].number - part[0][0].number + 1) for part in division]
        if all(count <= 125 and may_read(start, count) for start, count in ranges):
            sizes = [wire.bytes(start.space, count) for start, count in ranges]
            possible.append(Exchanges(len(sizes), sum(sizes)))
    assert wire.rank(least(register_map, wire, may_read)) == pytest.approx(min(map(wire.rank, possible)))
