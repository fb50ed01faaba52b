"""From registers to the text of samples."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser import words
from exporters.dispenser.decode import Discarded, MapDecoder, Reading
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import Bits, Enum, Identity, Place, RegisterMap, Value
from exporters.dispenser.words import Order, WordType
from tapwatch.catalogue import (
    DISPENSER_AMBIENT_TEMPERATURE,
    DISPENSER_FAULT,
    DISPENSER_LAST_MAINTENANCE,
    DISPENSER_MAP_VERSION,
    DISPENSER_STATE,
    Metric,
)
from tapwatch.errors import PollError, PollReason

START = Place("input", 10)


def one_value(
    word_type: WordType = "s16",
    metric: Metric = DISPENSER_AMBIENT_TEMPERATURE,
    labels: Mapping[str, str] | None = None,
    **rest: Any,  # noqa: ANN401 - any of a value's fields
) -> Value:
    return Value(START, word_type, rest.pop("order", "ABCD"), metric, labels or {}, **rest)


def decode(raw: str, *values: Value, identity: Identity | None = None, count: int | None = None) -> Reading:
    """What a device says whose registers from i10 on hold `raw`."""
    decoder = MapDecoder(RegisterMap("test", "", "ABCD", identity, values))
    data = bytes.fromhex(raw)
    read = decoder.read_decoder(Read(START, count or len(data) // 2, values))
    reading = decoder.reading()
    read.check_identity(data)
    read.note_exponents(data, reading)
    read.decode(data, reading)
    return reading


def number(raw: str, value: Value) -> float | Discarded:
    """The value of the first sample, or why there is none."""
    reading = decode(raw, value)
    return reading.discarded[0] if reading.discarded else float(reading.texts[0] or "")


def test_a_value_is_scaled_as_people_write_it() -> None:
    assert decode("028d", one_value(scale=0.1)).texts == ["65.3"]


def test_a_time_of_zero_is_no_time() -> None:
    value = one_value("u32", DISPENSER_LAST_MAINTENANCE)
    assert number("00000000", value) is Discarded.NOT_AVAILABLE
    assert number("59682f00", value) == 1.5e9


def test_an_offset_is_added_after_scaling() -> None:
    assert number("0190", one_value(scale=0.1, offset=-40)) == 0


def test_a_number_that_stands_for_no_value_is_absent_not_zero() -> None:
    assert number("8000", one_value(not_available=frozenset((-0x8000,)))) is Discarded.NOT_AVAILABLE


def test_a_float_that_is_no_number_is_absent() -> None:
    assert number("7fc00000", one_value("f32")) is Discarded.NOT_AVAILABLE


def test_a_packed_decimal_with_a_digit_above_nine_is_absent() -> None:
    assert number("1234", one_value("bcd16")) == 1234
    assert number("12a4", one_value("bcd16")) is Discarded.NOT_AVAILABLE


@pytest.mark.parametrize("raw", ["0500", "fe00"])
def test_an_impossible_value_is_absent(raw: str) -> None:
    assert number(raw, one_value(scale=0.1, range=(-20, 70))) is Discarded.OUT_OF_RANGE


@pytest.mark.parametrize(("raw", "value"), [("ff38", -20.0), ("02bc", 70.0)])
def test_the_ends_of_the_range_are_possible(raw: str, value: float) -> None:
    assert number(raw, one_value(scale=0.1, range=(-20, 70))) == value


def test_an_infinite_float_is_absent() -> None:
    assert number("7f800000", one_value("f32")) is Discarded.OUT_OF_RANGE


def test_bits_become_one_series_each_and_unnamed_ones_none() -> None:
    bits = Bits("fault", ("leak", None, "dry_run"))
    value = one_value("u16", DISPENSER_FAULT, bits=bits, not_available=frozenset((0xFFFF,)))
    assert [slot.labels for slot in MapDecoder(RegisterMap("", "", "ABCD", None, [value])).slots] == [
        (("fault", "leak"),),
        (("fault", "dry_run"),),
    ]
    assert decode("0006", value).texts == ["0.0", "1.0"]
    assert decode("ffff", value).texts == [None, None]


def test_an_enum_is_one_for_the_state_that_holds() -> None:
    value = one_value("u16", DISPENSER_STATE, enum=Enum("state", {0: "standby", 3: "heating", 4: "cooling"}))
    assert decode("0003", value).texts == ["0.0", "1.0", "0.0"]
    assert number("0007", value) is Discarded.OUT_OF_RANGE


def test_a_number_can_become_a_label() -> None:
    value = one_value("u16", DISPENSER_MAP_VERSION, value_label="version")
    assert decode("0003", value).texts == ["3"]


def test_a_text_becomes_a_label_up_to_its_end() -> None:
    value = one_value("string", DISPENSER_MAP_VERSION, value_label="version", length=4)
    assert decode("4142 4320 0000 ffff", value).texts == ["ABC"]
    assert number("0000000000000000", value) is Discarded.NOT_AVAILABLE


@pytest.mark.parametrize(
    ("word_type", "part", "raw", "result"),
    [
        ("u16", (8, 15), "12ab", 0x12),
        ("u16", (0, 7), "12ab", 0xAB),
        ("s16", (0, 7), "12ff", -1),
        ("u32", (4, 7), "000000f0", 15),
    ],
)
def test_a_part_of_an_integer_can_count_alone(
    word_type: WordType, part: tuple[int, int], raw: str, result: float
) -> None:
    assert number(raw, one_value(word_type, field=part)) == result


EXPONENT = Place("input", 12)


@pytest.mark.parametrize(
    ("raw", "result"), [("0123 0000 fffe", 2.91), ("0123 0000 0001", 2910), ("0123 0000 0000", 291)]
)
def test_a_number_is_scaled_by_the_power_of_ten_in_another_register(raw: str, result: float) -> None:
    assert number(raw, one_value(exponent=EXPONENT)) == pytest.approx(result)


def test_an_offset_is_added_after_the_exponent() -> None:
    assert number("0190 0000 ffff", one_value(exponent=EXPONENT, offset=-40)) == 0


@pytest.mark.parametrize("raw", ["0123 0000 8000", "0123 0000 0063"])
def test_without_a_possible_exponent_there_is_no_value(raw: str) -> None:
    assert number(raw, one_value(exponent=EXPONENT)) is Discarded.NOT_AVAILABLE


def test_a_value_is_cut_from_its_place_in_the_answer() -> None:
    value = Value(Place("input", 12), "u32", "CDAB", DISPENSER_AMBIENT_TEMPERATURE, {})
    assert float(decode("aaaabbbb56781234", value).texts[0] or "") == 0x12345678


def test_two_values_may_share_their_registers() -> None:
    whole = one_value("u16", DISPENSER_AMBIENT_TEMPERATURE)
    signed = one_value("s16", DISPENSER_STATE, {"state": "signed"})
    assert decode("ffff", whole, signed).texts == ["65535.0", "-1.0"]


def test_another_model_is_told_by_its_number() -> None:
    identity = Identity(START, "u16", 0x5744)
    decode("5744", one_value("u16"), identity=identity)
    with pytest.raises(PollError, match="register i10 holds 4660") as caught:
        decode("1234", one_value("u16"), identity=identity)
    assert caught.value.reason is PollReason.IDENTITY


def test_another_model_is_told_by_its_text() -> None:
    identity = Identity(START, "string", "SunS", 2)
    decode("53756e53", one_value("u32"), identity=identity)
    with pytest.raises(PollError, match="register i10 holds 'ABCD', and devices of this map hold 'SunS'"):
        decode("41424344", one_value("u32"), identity=identity)


@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from([0.1, 0.01, 0.001, 0.5, 0.25, 0.3, 1, 10, 3600, -0.1]))
def test_scaling_stays_within_rounding_of_the_product(held: int, scale: float) -> None:
    raw = words.pack(held, "s32", "ABCD").hex()
    result = number(raw, one_value("s32", scale=scale))
    assert isinstance(result, float)
    assert math.isclose(result, held * scale, rel_tol=1e-12)


@given(st.data(), st.sampled_from(words.NUMBER_TYPES), st.sampled_from(["ABCD", "BADC", "CDAB", "DCBA"]))
def test_every_type_and_order_decodes_to_what_its_registers_hold(
    data: st.DataObject, word_type: words.NumberType, order: Order
) -> None:
    size = 2 * words.width(word_type)
    raw = data.draw(st.binary(min_size=size, max_size=size))
    expected = words.unpack(raw, word_type, order)
    for _ in range(2):  # the second time from what was kept
        result = number(raw.hex(), one_value(word_type, order=order))
        if math.isfinite(expected):
            assert result == float(expected)
        else:
            assert isinstance(result, Discarded)
