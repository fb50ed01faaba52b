"""From modbus_exporter's settings to register maps: the same series with the same values, and a word on all others."""

import math
import struct
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench.peer import peer_settings
from exporters.dispenser.conversion import BitRule
from exporters.dispenser.convert import command, convert
from exporters.dispenser.cost import cost_model
from exporters.dispenser.decode import MapDecoder
from exporters.dispenser.mapfile import BUILT_IN, load_map, parse_map
from exporters.dispenser.modbusyml import DataType, Endianness, parse_peer_settings, read_peer_settings
from exporters.dispenser.plan import plan_reads
from tapwatch.settings import parse_document

SETTINGS = Path(__file__).parent / "modbus_exporter" / "modbus.yml"

# How modbus_exporter puts the bytes of a value in order, most significant first; its README and modbus.yml name the
# four by the bytes' places: big 1234, little 4321, mixed 2143, yolo 3412.
ORDERS: Mapping[tuple[int, Endianness], tuple[int, ...]] = {
    (2, "big"): (0, 1),
    (2, "little"): (1, 0),
    (2, "mixed"): (0, 1),
    (2, "yolo"): (0, 1),
    (4, "big"): (0, 1, 2, 3),
    (4, "little"): (3, 2, 1, 0),
    (4, "mixed"): (1, 0, 3, 2),
    (4, "yolo"): (2, 3, 0, 1),
    (8, "big"): (0, 1, 2, 3, 4, 5, 6, 7),
    (8, "little"): (7, 6, 5, 4, 3, 2, 1, 0),
    (8, "mixed"): (1, 0, 3, 2, 5, 4, 7, 6),
    (8, "yolo"): (6, 7, 4, 5, 2, 3, 0, 1),
}
LAYOUTS: Mapping[DataType, str] = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "float32": ">f",
    "int64": ">q",
    "uint64": ">Q",
    "float64": ">d",
}
VALUES = tuple(product(LAYOUTS, get_args(Endianness)))


def test_every_key_of_the_format_is_converted_or_told() -> None:
    result = convert(read_peer_settings(SETTINGS), "0.4.1")
    for one in result.maps:
        assert one.text == (SETTINGS.parent / one.file).read_text("utf-8")
    warnings = "".join(f"{warning}\n" for warning in result.warnings).replace(str(SETTINGS), "FILE")
    assert warnings == (SETTINGS.parent / "warnings.txt").read_text("utf-8")


@pytest.mark.parametrize("name", ["plant", "attic_pump_2"])
def test_what_is_written_is_a_map(name: str) -> None:
    assert load_map(SETTINGS.parent / f"{name}.yaml").values


@given(st.binary(min_size=8, max_size=8))
def test_each_type_and_order_reads_as_modbus_exporter_documents_it(raw: bytes) -> None:
    samples = read(EVERY_VALUE, dict.fromkeys(range(0, 4 * len(VALUES), 4), raw))
    for data_type, endianness in VALUES:
        size = struct.calcsize(LAYOUTS[data_type])
        ordered = bytes(raw[place] for place in ORDERS[size, endianness])
        (expected,) = struct.unpack(LAYOUTS[data_type], ordered)
        sample = samples[f"{data_type}_{endianness}"]
        assert sample == (float(expected) * 2.5 if math.isfinite(expected * 2.5) else None)


@pytest.mark.parametrize("data_type", LAYOUTS)
@pytest.mark.parametrize("factor", [0.1, 3.1415926535, -1, 1e-6])
def test_a_factor_scales_to_the_last_digit_but_rounding(data_type: DataType, factor: float) -> None:
    number = 12345
    raw = struct.pack(LAYOUTS[data_type], number)
    metric = value("scaled", 300000, data_type) | {"factor": factor}
    samples = read(converted([metric], "0.4.1"), {0: raw})
    assert samples["scaled"] == pytest.approx(number * factor, rel=1e-15)


@given(st.binary(min_size=2, max_size=2))
def test_bits_are_those_that_version_0_4_1_reads(raw: bytes) -> None:
    """It looks at the first byte only: `uint16(rawData[0]) & (1 << bitOffset)`."""
    samples = read(EVERY_BIT["0.4.1"], {0: raw})
    assert samples == {f"bit_{bit}": float(raw[0] >> bit & 1) for bit in range(8)}


@given(st.integers(0, 65535))
def test_bits_can_be_those_that_are_documented(number: int) -> None:
    samples = read(EVERY_BIT["documented"], {0: number.to_bytes(2, "big")})
    assert samples == {f"bit_{bit}": float(number >> bit & 1) for bit in range(16)}


METRICS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            ["a", "b_total", "c-d", "dispenser_up", "dispenser_state", "dispenser_error_code", "on"]
        ),
        "address": st.sampled_from([9, 10, 11, 200001, 365535]) | st.integers(300000, 300006),
        "dataType": st.sampled_from(get_args(DataType)),
        "metricType": st.sampled_from(["gauge", "counter"]),
    },
    optional={
        "labels": st.dictionaries(
            st.sampled_from(["x", "state", "module", "__y"]), st.sampled_from(["", "yes", "1", "'"])
        ),
        "endianness": st.sampled_from(get_args(Endianness)),
        "help": st.text(max_size=20),
    },
)


@given(st.lists(METRICS, min_size=1, max_size=12), st.data(), st.sampled_from(get_args(BitRule)))
def test_whatever_is_converted_is_a_map_and_the_rest_is_told(
    metrics: list[dict[str, Any]], data: st.DataObject, rule: BitRule
) -> None:
    for metric in metrics:
        if metric["dataType"] == "bool":
            metric["bitOffset"] = data.draw(st.integers(-1, 17) | st.none())
        else:
            metric["factor"] = data.draw(st.floats(-1e300, 1e300).filter(bool) | st.none())
    text = yaml.safe_dump({"modules": [{"name": "m", "protocol": "tcp/ip", "metrics": metrics}]})
    result = convert(parse_peer_settings(text, "modbus.yml"), rule)
    told = [
        warning for warning in result.warnings if "is left out: " in warning.message and "module" not in warning.path
    ]
    assert sum(one.metrics for one in result.maps) + len(told) == len(metrics)


def test_our_own_map_comes_back_from_the_settings_that_the_benchmark_makes_of_it() -> None:
    """Names, labels and places are the same, where modbus_exporter can say them: it has no info, and few bits."""
    own = load_map(BUILT_IN / "default.yaml")
    (back,) = convert(parse_peer_settings(peer_settings(own), "modbus.yml"), "documented").maps
    found = parse_map(parse_document(back.text, back.file), Path(back.file))
    plain = [one for one in own.values if one.bits is None and one.value_label is None]
    read_back = {(series, one.place, one.type, one.scale) for one in found.values for series in one.series}
    assert {(series, one.place, one.type, one.scale) for one in plain for series in one.series} <= read_back


def test_maps_are_written_and_never_over_what_is_there(tmp_path: Path) -> None:
    arguments = [str(SETTINGS), "--output-dir", str(tmp_path / "maps")]
    first = CliRunner().invoke(command, arguments)
    assert (first.exit_code, first.stdout) == (
        0,
        f"{tmp_path}/maps/plant.yaml: 16 of 35 metrics\n{tmp_path}/maps/attic_pump_2.yaml: 1 of 1 metrics\n",
    )
    assert first.stderr.count("warning: ") == 31
    (tmp_path / "maps" / "attic_pump_2.yaml").unlink()
    (tmp_path / "maps" / "plant.yaml").write_text("mine", "utf-8")
    second = CliRunner().invoke(command, arguments)
    assert (second.exit_code, (tmp_path / "maps" / "plant.yaml").read_text("utf-8")) == (2, "mine")
    assert "plant.yaml: is there already; --overwrite writes over it" in second.stderr
    assert not (tmp_path / "maps" / "attic_pump_2.yaml").exists()
    assert CliRunner().invoke(command, [*arguments, "--overwrite"]).exit_code == 0


def test_without_a_folder_the_maps_are_printed() -> None:
    result = CliRunner().invoke(command, [str(SETTINGS)])
    first, second = result.stdout.split("---\n")
    assert first.startswith("# plant.yaml\n# Made by")
    assert yaml.safe_load(second)["registers"] == [{"at": "h1", "type": "u16", "metric": "level"}]


def test_a_file_that_modbus_exporter_refuses_is_refused_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "modbus.yml"
    file.write_text(
        "modules:\n"
        "- name: a\n"
        "  protocol: serial\n"
        "  metrics:\n"
        "  - {name: b, address: 300001, dataType: int17, metricType: histogram}\n"
        "  - {name: c, address: x, dataType: int16, metricType: gauge, endianness: middle}\n"
        "  - {name: d, address: 300001, dataType: int16, metricType: gauge, bitOffset: 1}\n"
        "  - {name: e, address: 300001, dataType: int16, metricType: gauge, factor: 0}\n"
        "- {name: f, protocol: tcp/ip, metrics: []}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(command, [str(file)])
    assert result.exit_code == 2
    lines = [line.removeprefix(f"error: {file}:").partition(" ")[0] for line in result.stderr.splitlines()]
    assert lines == ["3:", "5:", "5:", "6:", "6:", "7:", "8:", "9:", "8"]


def value(name: str, address: int, data_type: DataType, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    return {"name": name, "address": address, "dataType": data_type, "metricType": "gauge", **more}


def converted(metrics: list[dict[str, Any]], rule: BitRule) -> MapDecoder:
    text = yaml.safe_dump({"modules": [{"name": "m", "protocol": "tcp/ip", "metrics": metrics}]})
    (one,) = convert(parse_peer_settings(text, "modbus.yml"), rule).maps
    return MapDecoder(parse_map(parse_document(one.text, one.file), Path(one.file)))


def read(decoder: MapDecoder, registers: Mapping[int, bytes]) -> dict[str, float | None]:
    """The samples by name; registers by the number of the first one."""
    memory = bytearray(2 * 1000)
    for number, raw in registers.items():
        memory[2 * number : 2 * number + len(raw)] = raw
    reading = decoder.reading()
    for one in plan_reads(decoder.map, cost_model(None, decoder.map.traits)):
        raw = bytes(memory[2 * one.start.number : 2 * (one.start.number + one.count)])
        decoder.read_decoder(one).decode(raw, reading)
    texts = zip(decoder.slots, reading.texts, strict=True)
    return {slot.metric.name: None if text is None else float(text) for slot, text in texts}


EVERY_VALUE = converted(
    [
        value(f"{data_type}_{endianness}", 300000 + 4 * index, data_type, endianness=endianness, factor=2.5)
        for index, (data_type, endianness) in enumerate(VALUES)
    ],
    "0.4.1",
)
EVERY_BIT: dict[BitRule, MapDecoder] = {
    "0.4.1": converted([value(f"bit_{bit}", 300000, "bool", bitOffset=bit) for bit in range(8)], "0.4.1"),
    "documented": converted([value(f"bit_{bit}", 300000, "bool", bitOffset=bit) for bit in range(16)], "documented"),
}
