"""Registers as they are: which ones, and what each may stand for."""

import re

import pytest

from exporters.dispenser.decode import Decoded, Rendered
from exporters.dispenser.raw import MOST_REGISTERS, columns, parse_registers, raw_module, rows
from exporters.dispenser.registermap import Place
from exporters.dispenser.words import Order, pack


def read(held: dict[str, int]) -> list[Decoded]:
    """Registers as a device answered them."""
    module = raw_module([Place.parse(place) for place in held])
    values = module.map.values
    return [
        Decoded(value, number.to_bytes(2, "big"), number, Rendered(("",)), ())
        for value, number in zip(values, held.values(), strict=True)
    ]


def cells(held: dict[str, int], *, swapped: bool = False) -> dict[str, dict[str, str]]:
    places = [Place.parse(place) for place in held]
    return {row.place: dict(row.cells) for row in rows(places, read(held), swapped=swapped)}


def test_registers_are_named_alone_and_in_spans_in_any_order_and_once() -> None:
    assert [str(place) for place in parse_registers("i3, h1-h3,h2,c0,h65535")] == [
        *("c0", "h1", "h2", "h3", "h65535", "i3"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' is not a span of registers; right would be one, as h5, or several, as i20-i29"),
        ("40011", "'40011' is not a span of registers"),
        ("h3-h1", "'h3-h1' ends before it begins"),
        ("h3-i5", "'h3-i5' is not a span of registers"),
        ("h65536", "there is no h65536: registers are counted from 0 here, and the last is 65535"),
        ("h0-h500", "501 registers are too many at once; right would be 500 at the most"),
    ],
)
def test_what_is_no_list_of_registers_is_told(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_registers(text)
    assert MOST_REGISTERS == 500


def test_only_the_registers_that_were_named_are_planned() -> None:
    module = raw_module(parse_registers("h0-h1,h3,d7"))
    assert module.map.traits.holes == "forbid"
    assert {str(value.place): value.type for value in module.map.values} == {
        "h0": "u16",
        "h1": "u16",
        "h3": "u16",
        "d7": "bit",
    }


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (953, {"hex": "03b9", "u16": "953"}),
        (0xFFFE, {"hex": "fffe", "u16": "65534", "s16": "-2"}),
        (0x4131, {"hex": "4131", "u16": "16689", "text": "A1"}),
        (0x4100, {"hex": "4100", "u16": "16640", "text": "A"}),
        (0x2020, {"hex": "2020", "u16": "8224"}),
    ],
)
def test_a_word_is_shown_as_bits_numbers_and_text(number: int, shown: dict[str, str]) -> None:
    found = cells({"h0": number})["h0"]
    assert {column: text for column, text in found.items() if text} == shown


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_two_words_are_shown_as_wide_numbers_in_each_order(order: Order) -> None:
    swapped = order in {"BADC", "DCBA"}
    assert f"f32 {order}" in columns(swapped=swapped)
    for word_type, number, shown in (("u32", 100_000, "100000"), ("f32", 20.5, "20.5")):
        raw = pack(number, "u32" if word_type == "u32" else "f32", order)
        held = {"h4": int.from_bytes(raw[:2], "big"), "h5": int.from_bytes(raw[2:], "big")}
        assert cells(held, swapped=swapped)["h4"][f"{word_type} {order}"] == shown


def test_swapped_bytes_are_put_right_in_a_single_word() -> None:
    assert cells({"h0": 0x3141}, swapped=True)["h0"] == {"hex": "3141", "u16": "16689", "text": "A1"}


def test_a_word_is_not_joined_with_one_that_does_not_follow_it() -> None:
    assert not any(column.startswith(("u32", "f32")) for column in cells({"h0": 1, "h2": 2})["h0"])
    assert not any(column.startswith(("u32", "f32")) for column in cells({"h0": 1, "i1": 2})["h0"])


@pytest.mark.parametrize("number", [1e-20, 1e20, float("nan"), float("inf"), -1e-9])
def test_floating_point_numbers_that_nothing_measures_are_left_out(number: float) -> None:
    raw = pack(number, "f32", "ABCD")
    held = {"h0": int.from_bytes(raw[:2], "big"), "h1": int.from_bytes(raw[2:], "big")}
    assert cells(held)["h0"]["f32 ABCD"] == ""


def test_what_was_not_read_stands_together_by_kind() -> None:
    places = parse_registers("h0-h4,h9,i5-i6")
    found = [(row.place, bool(row.cells)) for row in rows(places, read({"h2": 7}), swapped=False)]
    assert found == [("h0-h1", False), ("h2", True), ("h3-h4", False), ("h9", False), ("i5-i6", False)]


def test_a_coil_is_its_bit() -> None:
    assert cells({"c3": 1, "d4": 0}) == {"c3": {"u16": "1"}, "d4": {"u16": "0"}}
