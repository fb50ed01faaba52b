"""Register maps as they are read from their text."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from exporters.dispenser.mapfile import parse_map
from exporters.dispenser.mapformat import IdentityEntry, MapFile, RegisterEntry
from exporters.dispenser.registermap import Bits, Enum, Identity, Place, RegisterMap, Traits, Value
from tapwatch.errors import ConfigError
from tapwatch.settings import parse_document


def read(text: str) -> RegisterMap:
    return parse_map(parse_document(text, "acme.yaml"), Path("acme.yaml"))


def only(text: str) -> Value:
    (value,) = read(text).values
    return value


FULL = """
description: Acme A1
counted_from: 1
order: CDAB
not_available: {u16: 0xFFFF, s32: [-0x80000000, 0x7FFFFFFF]}
identify: {at: h1, type: string, length: 2, equals: SunS}
caps: {words: 16, bits: 100}
holes: forbid
forbidden: [h21-h30, h40-41, c65536]
idle: 40ms
in_flight: 4
timeout: 2s
line: {baudrate: 9600, turnaround: 15ms}
max_age: {static: 6h}
metrics:
  acme_power_watts: {type: gauge, help: Power.}
  acme_mode: {type: gauge, help: 1 for the mode that holds.}
  acme_device_info: {type: gauge, help: What the device says of itself.}
registers:
  - {at: i3, type: s32, scale: 0.1, offset: -40, exponent: h12, range: [-10, 1e3], metric: acme_power_watts}
  - {at: h5, type: u16, field: [8, 9], enum: {label: mode, names: {0: standby, 0x1: heating}}, metric: acme_mode}
  - {at: h6, type: u32, order: ABCD, bits: {label: fault, names: [leak, ~, dry_run]}, metric: dispenser_fault_active}
  - {at: h65536, type: string, length: 1, metric: acme_device_info, value_label: model, refresh: static}
  - {at: c1, type: bit, metric: dispenser_error_code, not_available: 1, refresh: slow}
"""


def test_every_key_reaches_the_map() -> None:
    found = read(FULL)
    assert (found.name, found.description, found.order) == ("acme", "Acme A1", "CDAB")
    assert found.identity == Identity(Place("holding", 0), "string", "SunS", 2)
    assert found.traits == Traits(
        words=16,
        bits=100,
        holes="forbid",
        forbidden=((Place("holding", 20), 10), (Place("holding", 39), 2), (Place("coil", 65535), 1)),
        idle=0.04,
        in_flight=4,
        timeout=2,
        baudrate=9600,
        turnaround=0.015,
    )
    assert found.max_age == {"slow": 60, "static": 21600}


def test_every_key_of_a_register_reaches_its_value() -> None:
    power, mode, faults, model, code = read(FULL).values
    assert (power.place, power.scale, power.offset, power.exponent, power.range) == (
        Place("input", 2),
        0.1,
        -40,
        Place("holding", 11),
        (-10, 1000),
    )
    assert power.not_available == {-0x80000000, 0x7FFFFFFF}
    assert (mode.field, mode.enum) == ((8, 9), Enum("mode", {0: "standby", 1: "heating"}))
    assert mode.not_available == {0xFFFF}
    assert (faults.order, faults.bits) == ("ABCD", Bits("fault", ("leak", None, "dry_run")))
    assert (model.place, model.width, model.value_label, model.refresh) == (
        Place("holding", 65535),
        1,
        "model",
        "static",
    )
    assert (code.place, code.not_available, code.refresh) == (Place("coil", 0), frozenset({1.0}), "slow")


def test_what_a_file_does_not_say_is_as_most_devices_have_it() -> None:
    found = read("registers: [{at: h7, type: u16, metric: dispenser_error_code}]")
    assert (found.order, found.identity, found.traits) == ("ABCD", None, Traits())
    assert found.values[0].place == Place("holding", 7)
    assert found.max_age == {"slow": 60, "static": 3600}


@pytest.mark.parametrize(
    ("word_type", "written", "number"),
    [
        ("u64", "0xFFFFFFFFFFFFFFFF", 0xFFFFFFFFFFFFFFFF),
        ("s64", "-0x8000000000000000", -0x8000000000000000),
        ("f64", "1e300", 1e300),
        ("f32", "9.96921e36", 9.969209968386869e36),
        ("f32", ".inf", float("inf")),
        ("f16", "0.1", 0.0999755859375),
        ("bcd16", "9999", 9999),
    ],
)
def test_not_available_is_the_number_that_the_register_can_hold(word_type: str, written: str, number: float) -> None:
    text = f"registers: [{{at: h0, type: {word_type}, metric: dispenser_error_code, not_available: {written}}}]"
    assert only(text).not_available == {number}


def test_a_registers_own_not_available_replaces_the_maps() -> None:
    text = "not_available: {u16: 65535}\nregisters: [{at: h0, type: u16, metric: dispenser_error_code%s}]"
    assert only(text % "").not_available == {65535}
    assert only(text % ", not_available: [0, 1]").not_available == {0, 1}
    assert only(text % ", not_available: []").not_available == set()


def test_an_identity_is_the_number_that_the_register_can_hold() -> None:
    text = "identify: {at: h0, type: f32, equals: 0.1}\nregisters: [{at: h2, type: u16, metric: dispenser_error_code}]"
    identity = read(text).identity
    assert identity is not None
    assert identity.equals == 0.10000000149011612


def test_numbers_may_share_all_of_their_registers_and_an_exponent_may_serve_many() -> None:
    found = read(
        "metrics: {acme_a: {type: gauge, help: A.}, acme_b: {type: gauge, help: B.}}\n"
        "registers:\n"
        "- {at: h0, type: u16, field: [0, 7], metric: acme_a, exponent: h2}\n"
        "- {at: h0, type: u16, field: [8, 15], metric: acme_b, exponent: h2}\n"
        "- {at: h2, type: s16, metric: dispenser_error_code}\n"
    )
    assert len(found.values) == 3


def test_metrics_of_ones_own_may_have_any_name_that_prometheus_takes() -> None:
    value = only("metrics: {Acme:Temp: {type: gauge, help: T.}}\nregisters: [{at: h0, type: u16, metric: Acme:Temp}]")
    assert value.metric.name == "Acme:Temp"


@pytest.mark.parametrize("scale", ["-1", "1e-3", "1000000"])
def test_a_scale_may_be_any_number_but_nought(scale: str) -> None:
    text = f"registers: [{{at: h0, type: u16, metric: dispenser_error_code, scale: {scale}}}]"
    assert only(text).scale == float(scale)


def test_contradictions_are_told_in_the_order_of_their_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        read(
            "identify: {at: h0, type: u16, equals: x}\n"
            "forbidden: [h1]\n"
            "registers:\n"
            "- {at: h1, type: s16, metric: dispenser_error_code, not_available: 40000}\n"
            "- {at: h1, type: u16, metric: dispenser_error_code}\n"
        )
    assert [fault.line for fault in caught.value.faults] == [1, 4, 4, 5, 5]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["h0", "i65536", "c7", "u16", "f16", "bcd32", "string", "bit", "dispenser_state", "5m", "learn"])
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=5)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3), max_leaves=6
)
REGISTERS = st.fixed_dictionaries(
    {
        "at": st.sampled_from(["h0", "h1", "i65535", "c0"]),
        "type": st.sampled_from(["u16", "s16", "u64", "f32", "bcd16", "bit", "string"]),
        "metric": st.sampled_from(["dispenser_error_code", "dispenser_state", "own", "own_total"]),
    },
    optional={
        "length": st.integers(1, 125),
        "field": st.tuples(st.integers(-1, 70), st.integers(-1, 70) | st.just(10**12)).map(list),
        "exponent": st.sampled_from(["h1", "h2", "c1"]),
        "bits": st.just({"label": "state", "names": ["power", None, "heater"]}),
        "enum": st.just({"label": "state", "names": {0: "off-line", 5: "heating"}}),
        "value_label": st.sampled_from(["state", "text"]),
        "not_available": st.integers() | st.floats(allow_nan=False),
        "labels": st.dictionaries(st.sampled_from(["state", "tank"]), st.text(max_size=2)),
    },
)


@given(
    st.dictionaries(st.sampled_from([*MapFile.model_fields, "other"]), VALUES)
    | st.fixed_dictionaries(
        {"registers": st.lists(st.dictionaries(st.sampled_from(list(RegisterEntry.model_fields)), VALUES), max_size=3)},
        optional={"identify": st.dictionaries(st.sampled_from(list(IdentityEntry.model_fields)), VALUES)},
    )
    | st.fixed_dictionaries(
        {
            "registers": st.lists(REGISTERS, min_size=1, max_size=4),
            "metrics": st.just(
                {"own": {"type": "gauge", "help": "Own."}, "own_total": {"type": "counter", "help": "Own."}}
            ),
        },
        optional={
            "counted_from": st.sampled_from([0, 1]),
            "caps": st.just({"words": 2}),
            "forbidden": st.just(["h1-h2"]),
        },
    )
)
@example({"registers": [{"at": "h0", "type": "f32", "metric": "dispenser_error_code", "not_available": 10**400}]})
def test_whatever_a_file_holds_it_is_a_map_or_a_list_of_faults(data: object) -> None:
    try:
        found = read(yaml.safe_dump(data, allow_unicode=True))
    except ConfigError:
        return
    assert found.values


@pytest.mark.parametrize(
    "keys",
    [
        f"not_available: {1 << 20000:#x}",
        f"enum: {{label: state, names: {{{1 << 20000:#x}: a}}}}",
        f"field: [0, {1 << 20000:#x}], enum: {{label: state, names: {{3: a}}}}",
        f"length: {1 << 20000:#x}",
        f"scale: {1 << 20000:#x}",
    ],
)
def test_numbers_too_large_to_be_written_out_are_faults(keys: str) -> None:
    with pytest.raises(ConfigError):
        read(f"registers: [{{at: h0, type: u16, metric: dispenser_state, {keys}}}]")
