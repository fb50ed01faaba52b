"""From registers to samples."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.decode import Discarded, check_identity, decode, scaled
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import Bits, Identity, Place, Value
from exporters.dispenser.words import WordType
from tapwatch.catalogue import (
    DISPENSER_AMBIENT_TEMPERATURE,
    DISPENSER_FAULT,
    DISPENSER_MAP_VERSION,
)
from tapwatch.errors import PollError, PollReason

START = Place("input", 10)


def one_value(
    word_type: WordType = "s16",
    *,
    scale: float = 1,
    allowed: tuple[float, float] | None = None,
    not_available: float | None = None,
) -> Read:
    value = Value(START, word_type, "ABCD", scale, allowed, not_available, DISPENSER_AMBIENT_TEMPERATURE, {})
    return Read(START, value.width, (value,))


def test_a_value_is_scaled_as_people_write_it() -> None:
    (decoded,) = decode(one_value(scale=0.1), bytes.fromhex("028d"))
    assert [sample.value for sample in decoded.samples] == [65.3]


def test_a_number_that_stands_for_no_value_is_absent_not_zero() -> None:
    (decoded,) = decode(one_value(not_available=-0x8000), bytes.fromhex("8000"))
    assert (decoded.samples, decoded.discarded) == ((), Discarded.NOT_AVAILABLE)


def test_a_float_that_is_no_number_is_absent() -> None:
    (decoded,) = decode(one_value("f32"), bytes.fromhex("7fc00000"))
    assert (decoded.samples, decoded.discarded) == ((), Discarded.NOT_AVAILABLE)


@pytest.mark.parametrize("raw", ["0500", "fe00"])
def test_an_impossible_value_is_absent(raw: str) -> None:
    (decoded,) = decode(one_value(scale=0.1, allowed=(-20, 70)), bytes.fromhex(raw))
    assert (decoded.samples, decoded.discarded) == ((), Discarded.OUT_OF_RANGE)


@pytest.mark.parametrize(("raw", "value"), [("ff38", -20.0), ("02bc", 70.0)])
def test_the_ends_of_the_range_are_possible(raw: str, value: float) -> None:
    (decoded,) = decode(one_value(scale=0.1, allowed=(-20, 70)), bytes.fromhex(raw))
    assert decoded.samples[0].value == value


def test_an_infinite_float_is_absent() -> None:
    (decoded,) = decode(one_value("f32"), bytes.fromhex("7f800000"))
    assert decoded.discarded is Discarded.OUT_OF_RANGE


def test_bits_become_one_series_each_and_unnamed_ones_none() -> None:
    bits = Bits("fault", ("leak", None, "dry_run"))
    value = Value(START, "u16", "ABCD", 1, None, 0xFFFF, DISPENSER_FAULT, {}, bits)
    (decoded,) = decode(Read(START, 1, (value,)), bytes.fromhex("0006"))
    assert [(sample.labels, sample.value) for sample in decoded.samples] == [
        ((("fault", "leak"),), 0),
        ((("fault", "dry_run"),), 1),
    ]


def test_a_number_can_become_a_label() -> None:
    value = Value(START, "u16", "ABCD", 1, None, None, DISPENSER_MAP_VERSION, {}, None, "version")
    (decoded,) = decode(Read(START, 1, (value,)), bytes.fromhex("0003"))
    assert [(sample.labels, sample.value) for sample in decoded.samples] == [((("version", "3"),), 1)]


def test_a_value_is_cut_from_its_place_in_the_answer() -> None:
    value = Value(Place("input", 12), "u32", "CDAB", 1, None, None, DISPENSER_AMBIENT_TEMPERATURE, {})
    (decoded,) = decode(Read(START, 4, (value,)), bytes.fromhex("aaaabbbb56781234"))
    assert decoded.number == 0x12345678


def test_another_model_is_told_by_its_number() -> None:
    identity = Identity(START, "u16", 0x5744)
    check_identity(identity, one_value(), bytes.fromhex("5744"), "ABCD")
    with pytest.raises(PollError, match="register i10 holds 4660") as caught:
        check_identity(identity, one_value(), bytes.fromhex("1234"), "ABCD")
    assert caught.value.reason is PollReason.IDENTITY


@given(st.integers(-(2**31), 2**31), st.sampled_from([0.1, 0.01, 0.001, 0.5, 0.25, 0.3, 1, 10, 3600]))
def test_scaling_stays_within_rounding_of_the_product(number: int, scale: float) -> None:
    assert math.isclose(scaled(number, scale), number * scale, rel_tol=1e-12)
