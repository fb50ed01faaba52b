"""The read plan: few requests, no register that the map does not name."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser import words
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.plan import LARGEST_READ, plan_reads
from exporters.dispenser.registermap import Identity, Place, RegisterMap, Value
from exporters.dispenser.words import WordType
from tapwatch.catalogue import DISPENSER_ERROR_CODE


def a_map(*places: tuple[str, WordType], identity: str | None = None) -> RegisterMap:
    values = tuple(
        Value(Place.parse(at), word_type, "ABCD", 1, None, None, DISPENSER_ERROR_CODE, {}) for at, word_type in places
    )
    return RegisterMap("test", "", "ABCD", Identity(Place.parse(identity), "u16", 1) if identity else None, values)


def spelled(register_map: RegisterMap) -> list[str]:
    return [str(read) for read in plan_reads(register_map)]


def test_the_default_map_takes_one_request() -> None:
    assert spelled(load_maps([])["default"]) == ["i0+48"]


def test_registers_that_touch_share_a_read_and_holes_are_left_alone() -> None:
    assert spelled(a_map(("h0", "u16"), ("h1", "u32"), ("h4", "u16"))) == ["h0+3", "h4+1"]


def test_spaces_are_read_apart() -> None:
    assert spelled(a_map(("h0", "u16"), ("i1", "u16"), ("c2", "bit"), ("d3", "bit"))) == [
        "c2+1",
        "d3+1",
        "h0+1",
        "i1+1",
    ]


def test_the_register_that_tells_the_model_is_read_first() -> None:
    assert spelled(a_map(("h0", "u16"), ("i9", "u16"), identity="i9")) == ["i9+1", "h0+1"]


def test_a_number_is_never_cut_by_the_limit_of_one_request() -> None:
    places: list[tuple[str, WordType]] = [(f"h{number}", "u32") for number in range(0, 130, 2)]
    assert spelled(a_map(*places)) == ["h0+124", "h124+6"]


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["u16", "u32", "f64"])), min_size=1, max_size=60))
def test_every_value_is_inside_just_one_read_of_allowed_size(entries: list[tuple[int, WordType]]) -> None:
    register_map = a_map(*((f"h{number}", word_type) for number, word_type in entries))
    reads = plan_reads(register_map)
    named = {n + k for n, word_type in entries for k in range(words.width(word_type))}
    for read in reads:
        assert read.count <= LARGEST_READ["holding"]
        assert set(range(read.start.number, read.start.number + read.count)) <= named
    for value in register_map.values:
        assert any(value in read.values and read.holds(value.place, value.width) for read in reads)
