"""Numbers in registers, in every order that devices use."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.words import WORD_TYPES, Order, WordType, is_float, limits, pack, unpack, width

ORDERS: tuple[Order, ...] = ("ABCD", "BADC", "CDAB", "DCBA")


@pytest.mark.parametrize(
    ("order", "raw"), [("ABCD", "12345678"), ("BADC", "34127856"), ("CDAB", "56781234"), ("DCBA", "78563412")]
)
def test_the_orders_are_those_that_vendors_name(order: Order, raw: str) -> None:
    assert unpack(bytes.fromhex(raw), "u32", order) == 0x12345678


@pytest.mark.parametrize(
    ("word_type", "raw", "number"),
    [
        ("u16", "ffff", 65535),
        ("s16", "8000", -32768),
        ("u32", "ffffffff", 4294967295),
        ("s32", "ffffffff", -1),
        ("u64", "0000000100000000", 4294967296),
        ("s64", "ffffffffffffffff", -1),
        ("f32", "42c80000", 100.0),
        ("f64", "4059000000000000", 100.0),
        ("bit", "0001", 1),
    ],
)
def test_each_type_reads_its_registers(word_type: WordType, raw: str, number: float) -> None:
    assert unpack(bytes.fromhex(raw), word_type, "ABCD") == number
    assert width(word_type) == len(raw) // 4


@given(st.data(), st.sampled_from(WORD_TYPES), st.sampled_from(ORDERS))
def test_what_is_packed_unpacks_to_the_same(data: st.DataObject, word_type: WordType, order: Order) -> None:
    if is_float(word_type):
        number = data.draw(st.floats(width=32 if word_type == "f32" else 64, allow_nan=False))
    else:
        low, high = limits(word_type)
        number = data.draw(st.integers(int(low), int(high)))
    assert unpack(pack(number, word_type, order), word_type, order) == number


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(struct.error):
        pack(65536, "u16", "ABCD")
