"""Numbers and text in registers, in every order that devices use."""

import math
import struct
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporters.dispenser.words import (
    DECIMAL_TYPES,
    FLOAT_TYPES,
    INTEGER_TYPES,
    NUMBER_TYPES,
    DecimalType,
    FloatType,
    IntegerType,
    NumberType,
    Order,
    limits,
    pack,
    pack_text,
    unpack,
    unpack_text,
    width,
)

ORDERS: tuple[Order, ...] = get_args(Order)


@pytest.mark.parametrize(
    ("order", "raw"), [("ABCD", "12345678"), ("BADC", "34127856"), ("CDAB", "56781234"), ("DCBA", "78563412")]
)
def test_the_orders_are_those_that_vendors_name(order: Order, raw: str) -> None:
    assert unpack(bytes.fromhex(raw), "u32", order) == 0x12345678


@pytest.mark.parametrize(
    ("order", "raw"),
    [
        ("ABCD", "0123456789abcdef"),
        ("BADC", "23016745ab89efcd"),
        ("CDAB", "cdef89ab45670123"),
        ("DCBA", "efcdab8967452301"),
    ],
)
def test_wider_numbers_follow_the_same_orders(order: Order, raw: str) -> None:
    assert unpack(bytes.fromhex(raw), "u64", order) == 0x0123456789ABCDEF


@pytest.mark.parametrize(
    ("word_type", "raw", "number"),
    [
        ("u16", "ffff", 65535),
        ("s16", "8000", -32768),
        ("u32", "ffffffff", 4294967295),
        ("s32", "ffffffff", -1),
        ("u48", "000100000000", 4294967296),
        ("s48", "ffffffffffff", -1),
        ("u64", "ffffffffffffffff", 18446744073709551615),
        ("s64", "ffffffffffffffff", -1),
        ("f16", "5640", 100.0),
        ("f32", "42c80000", 100.0),
        ("f64", "4059000000000000", 100.0),
        ("bcd16", "1234", 1234),
        ("bcd32", "00123456", 123456),
        ("bcd48", "999999999999", 999999999999),
        ("bcd64", "1234567890123456", 1234567890123456),
        ("bit", "0001", 1),
    ],
)
def test_each_type_reads_its_registers(word_type: NumberType, raw: str, number: float) -> None:
    assert unpack(bytes.fromhex(raw), word_type, "ABCD") == number
    assert width(word_type) == len(raw) // 4


@given(st.data(), st.sampled_from((*INTEGER_TYPES, *DECIMAL_TYPES)), st.sampled_from(ORDERS))
def test_whole_numbers_unpack_as_they_were_packed(
    data: st.DataObject, word_type: IntegerType | DecimalType, order: Order
) -> None:
    least, greatest = limits(word_type)
    number = data.draw(st.integers(int(least), int(greatest)))
    assert unpack(pack(number, word_type, order), word_type, order) == number


@given(st.data(), st.sampled_from(FLOAT_TYPES), st.sampled_from(ORDERS))
def test_floats_unpack_as_they_were_packed(data: st.DataObject, word_type: FloatType, order: Order) -> None:
    bits: dict[FloatType, int] = {"f16": 16, "f32": 32, "f64": 64}
    number = data.draw(st.floats(width=bits[word_type], allow_nan=False))  # type: ignore[arg-type] # 16, 32 or 64
    assert unpack(pack(number, word_type, order), word_type, order) == number


@given(st.binary(min_size=8, max_size=8), st.sampled_from(NUMBER_TYPES), st.sampled_from(ORDERS))
def test_every_register_reads_as_a_number_of_the_type_or_as_none(
    raw: bytes, word_type: NumberType, order: Order
) -> None:
    number = unpack(raw[: 2 * width(word_type)], word_type, order)
    assume(word_type != "bit")  # the transport gives 0 or 1 there
    least, greatest = limits(word_type)
    assert math.isnan(number) or least <= number <= greatest


@pytest.mark.parametrize("raw", ["000a", "f000", "1a34"])
def test_a_digit_above_nine_is_no_number(raw: str) -> None:
    assert math.isnan(unpack(bytes.fromhex(raw), "bcd16", "ABCD"))


@pytest.mark.parametrize(
    ("number", "word_type"),
    [(65536, "u16"), (-1, "u16"), (32768, "s16"), (2**48, "u48"), (10000, "bcd16"), (-1, "bcd32"), (1e5, "f16")],
)
def test_a_number_that_does_not_fit_is_refused(number: float, word_type: NumberType) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack(number, word_type, "ABCD")


@pytest.mark.parametrize("order", ORDERS)
def test_swapped_bytes_are_swapped_in_text_too_and_words_are_not(order: Order) -> None:
    swapped = order in {"BADC", "DCBA"}
    raw = b"uSSn" if swapped else b"SunS"
    assert unpack_text(raw, order) == "SunS"
    assert pack_text("SunS", 2, order) == raw


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"M1\0\0\0\0", "M1"),
        (b"M1\0old", "M1"),
        (b"  M1  ", "M1"),
        (b"\0\0", ""),
        (b"\xff\xfeM1", "��M1"),
        ("溫水".encode(), "溫水"),
    ],
)
def test_text_ends_at_its_first_zero_byte(raw: bytes, text: str) -> None:
    assert unpack_text(raw, "ABCD") == text


def test_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="'SunSpec' does not fit into 3 registers"):
        pack_text("SunSpec", 3, "ABCD")


def test_a_float_is_as_struct_reads_it() -> None:
    assert unpack(struct.pack("<f", 21.5), "f32", "DCBA") == 21.5
