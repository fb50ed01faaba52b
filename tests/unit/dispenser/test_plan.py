"""The read plan: the cheapest requests, and none that the device is known to refuse."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.address import SerialSettings
from exporters.dispenser.cost import CostModel, cost_model
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.plan import Limits, cheapest_ranges, joined, plan_reads
from exporters.dispenser.registermap import Identity, Place, Refresh, RegisterMap, Span, Traits, Value
from exporters.dispenser.words import WordType
from tapwatch.catalogue import DISPENSER_ERROR_CODE

NETWORK = cost_model(None, Traits())
LINE = cost_model(SerialSettings(9600), Traits(turnaround=0.02))


def a_map(*places: tuple[str, WordType], identity: str | None = None) -> RegisterMap:
    values = tuple(
        Value(Place.parse(at), word_type, "ABCD", DISPENSER_ERROR_CODE, {"at": at}) for at, word_type in places
    )
    return RegisterMap("test", "", "ABCD", Identity(Place.parse(identity), "u16", 1) if identity else None, values)


def spelled(register_map: RegisterMap, cost: CostModel = NETWORK, limits: Limits | None = None) -> list[str]:
    return [str(read) for read in plan_reads(register_map, cost, limits)]


@pytest.mark.parametrize("cost", [NETWORK, LINE])
def test_the_default_map_takes_one_request(cost: CostModel) -> None:
    assert spelled(load_maps([])["default"], cost) == ["i0+48"]


def test_one_exchange_takes_the_time_that_the_standard_gives() -> None:
    """At 9600 baud 25.2 ms for one register and 132.9 ms for 48, beside the device's turnaround."""
    cost = cost_model(SerialSettings(9600), Traits(turnaround=0))
    assert cost.seconds("input", 1) == pytest.approx(0.0252, abs=1e-4)
    assert cost.seconds("input", 48) == pytest.approx(0.1329, abs=1e-4)
    assert cost.seconds("input", 125) == pytest.approx(0.3094, abs=1e-4)


@pytest.mark.parametrize(("gap", "reads"), [(18, ["h0+20"]), (20, ["h0+1", "h21+1"])])
def test_a_gap_is_read_along_while_that_is_cheaper_than_another_request(gap: int, reads: list[str]) -> None:
    assert spelled(a_map(("h0", "u16"), (f"h{gap + 1}", "u16")), LINE) == reads


def test_gaps_are_left_alone_where_the_map_forbids_them() -> None:
    limits = Limits(gaps=False)
    assert spelled(a_map(("h0", "u16"), ("h1", "u32"), ("h4", "u16")), NETWORK, limits) == ["h0+3", "h4+1"]


def test_spaces_are_read_apart() -> None:
    register_map = a_map(("h0", "u16"), ("i1", "u16"), ("c2", "bit"), ("d3", "bit"))
    assert sorted(spelled(register_map)) == ["c2+1", "d3+1", "h0+1", "i1+1"]


def test_the_register_that_tells_the_model_is_read_first() -> None:
    assert spelled(a_map(("h0", "u16"), ("i9", "u16"), identity="i9")) == ["i9+1", "h0+1"]


def test_a_number_is_never_cut_by_the_limit_of_one_request() -> None:
    places: list[tuple[str, WordType]] = [(f"h{number}", "u32") for number in range(0, 130, 2)]
    reads = plan_reads(a_map(*places), NETWORK)
    assert [read.count % 2 for read in reads] == [0, 0]


def test_a_refused_range_is_not_asked_for_again_and_its_parts_are() -> None:
    register_map = a_map(("h0", "u16"), ("h1", "u16"), ("h3", "u16"))
    assert spelled(register_map) == ["h0+4"]
    gap = Limits(refused=frozenset({(Place("holding", 2), 1)}))
    assert spelled(register_map, NETWORK, gap) == ["h0+2", "h3+1"]
    value = Limits(refused=frozenset({(Place("holding", 1), 1)}))
    assert spelled(register_map, NETWORK, value) == ["h0+1", "h3+1"]


def test_a_forbidden_register_is_in_no_request() -> None:
    limits = Limits(forbidden=frozenset({(Place("holding", 2), 1)}))
    assert spelled(a_map(("h0", "u16"), ("h3", "u16")), NETWORK, limits) == ["h0+1", "h3+1"]


def test_slow_values_are_left_out_where_that_saves_time_and_read_along_where_it_does_not() -> None:
    quick = Value(Place("input", 0), "u16", "ABCD", DISPENSER_ERROR_CODE, {"at": "0"})
    slow = Value(Place("input", 30), "u16", "ABCD", DISPENSER_ERROR_CODE, {"at": "30"}, refresh="slow")
    register_map = RegisterMap("test", "", "ABCD", None, (quick, slow))
    due: set[Refresh] = {"always"}
    assert [str(read) for read in plan_reads(register_map, LINE, due=due)] == ["i0+1"]
    assert [str(read) for read in plan_reads(register_map, NETWORK, due=due)] == ["i0+31"]


def partitions(pieces: list[Span]) -> Iterator[list[list[Span]]]:
    """Every way to cut a list into parts that follow each other."""
    if not pieces:
        yield []
    for size in range(1, len(pieces) + 1):
        for rest in partitions(pieces[size:]):
            yield [pieces[:size], *rest]


def hull(part: list[Span]) -> Span:
    return part[0][0], part[-1][0].number + part[-1][1] - part[0][0].number


SPANS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, 2, 4])), min_size=1, max_size=8)
REFUSED = st.frozensets(st.tuples(st.integers(0, 60), st.integers(1, 6)), max_size=3)


@given(SPANS, REFUSED, REFUSED, st.integers(4, 40), st.floats(0, 0.1), st.floats(1e-6, 0.01))
def test_no_other_plan_is_cheaper(
    numbers: list[tuple[int, int]],
    refused: frozenset[tuple[int, int]],
    forbidden: frozenset[tuple[int, int]],
    largest: int,
    request: float,
    byte: float,
) -> None:
    """Beside every partition there is, tried one by one."""

    def spans(pairs: object) -> frozenset[Span]:
        return frozenset((Place("holding", start), width) for start, width in pairs)  # type: ignore[attr-defined]

    limits = Limits(words=largest, refused=spans(refused), forbidden=spans(forbidden))
    cost = CostModel(request, byte)
    pieces = [span for span in joined(spans(numbers)) if limits.allow(*span)]
    found = cheapest_ranges(spans(numbers), cost, limits)
    allowed = [
        [hull(part) for part in parts]
        for parts in partitions(pieces)
        if all(limits.allow(*hull(part)) for part in parts)
    ]
    assert found in allowed
    least = min(sum(cost.seconds("holding", count) for _, count in ranges) for ranges in allowed)
    assert sum(cost.seconds("holding", count) for _, count in found) == pytest.approx(least)
