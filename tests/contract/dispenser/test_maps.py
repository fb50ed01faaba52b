"""The built-in maps against raw registers as their makers' documents describe them, written here by hand."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from exporters.dispenser.cost import cost_model
from exporters.dispenser.decode import MapDecoder, Slot
from exporters.dispenser.mapfile import BUILT_IN, load_map, parse_map
from exporters.dispenser.mapformat import MapFile, RegisterEntry
from exporters.dispenser.plan import Read, plan_reads
from exporters.dispenser.words import NUMBER_TYPES
from tapwatch.errors import PollError
from tapwatch.settings import parse_document

PAGE = Path("docs/register-maps.md").read_text("utf-8")

Registers = Mapping[int, str]
"""By the number of the first one, the words that follow each other, in hexadecimal."""

SUNSPEC: Registers = {
    40000: "5375 6e53 0001 0042",  # SunS; model 1, 66 long
    40004: "4163 6d65" + "0000" * 14,  # Mn: Acme
    40020: "4d65 7465 7220 3330 3030" + "0000" * 11,  # Md: Meter 3000
    40044: "312e 3200" + "0000" * 6,  # Vr: 1.2
    40052: "5331 3233" + "2020" * 14,  # SN: S123, filled with blanks
    40070: "00cb 0069",  # model 203, 105 long
    40072: "04d2 019a 019b ffff fffe",  # A 1234, AphA 410, AphB 411, AphC -1, A_SF -2
    40077: "0901 0900 0902 8000 0f99 0f98 0f9a 0f99 ffff",  # PhV 2305 ... PhVphC is not implemented, V_SF -1
    40086: "1387 fffe",  # Hz 4999, Hz_SF -2
    40088: "fed4 ff9c ff9c ff9c 0001",  # W -300, phases -100 each, W_SF 1
    40093: "0bb8 0000 0000 0000 0000",  # VA 3000, phases, VA_SF 0
    40098: "8000 8000 8000 8000 8000",  # VAR and its scale factor are not implemented
    40103: "ffa6 0000 0000 0000 0000",  # PF -90 percent, PF_SF 0
    40108: "0000 0000" * 4,  # TotWhExp has never counted
    40116: "0001 e240 0000 a0f0 0000 a0f1 0000 a05f 0002",  # TotWhImp 123456, phases, TotWh_SF 2
    40175: "0000 00a0",  # Evt: bits 5 and 7
}

SUNSPEC_SAYS = {
    'dispenser_manufacturer_info{manufacturer="Acme"}': 1,
    'dispenser_model_info{model="Meter 3000"}': 1,
    'dispenser_firmware_info{version="1.2"}': 1,
    'dispenser_serial_number_info{serial_number="S123"}': 1,
    "dispenser_current_amperes": 12.34,
    'dispenser_phase_current_amperes{phase="a"}': 4.1,
    'dispenser_phase_current_amperes{phase="b"}': 4.11,
    'dispenser_phase_current_amperes{phase="c"}': -0.01,
    'dispenser_voltage_volts{between="line_and_neutral"}': 230.5,
    'dispenser_phase_voltage_volts{phase="a"}': 230.4,
    'dispenser_phase_voltage_volts{phase="b"}': 230.6,
    'dispenser_voltage_volts{between="lines"}': 399.3,
    'dispenser_line_voltage_volts{phases="ab"}': 399.2,
    'dispenser_line_voltage_volts{phases="bc"}': 399.4,
    'dispenser_line_voltage_volts{phases="ca"}': 399.3,
    "dispenser_frequency_hertz": 49.99,
    "dispenser_power_watts": -3000,
    'dispenser_phase_power_watts{phase="a"}': -1000,
    'dispenser_phase_power_watts{phase="b"}': -1000,
    'dispenser_phase_power_watts{phase="c"}': -1000,
    "dispenser_apparent_power_voltamperes": 3000,
    "dispenser_power_factor_ratio": -0.9,
    "dispenser_energy_joules_total": 12345600 * 3600,
    'dispenser_phase_energy_joules_total{phase="a"}': 4120000 * 3600,
    'dispenser_phase_energy_joules_total{phase="b"}': 4120100 * 3600,
    'dispenser_phase_energy_joules_total{phase="c"}': 4105500 * 3600,
    'dispenser_fault_active{fault="power_failure"}': 0,
    'dispenser_fault_active{fault="under_voltage"}': 0,
    'dispenser_fault_active{fault="low_power_factor"}': 0,
    'dispenser_fault_active{fault="over_current"}': 1,
    'dispenser_fault_active{fault="over_voltage"}': 0,
    'dispenser_fault_active{fault="missing_sensor"}': 1,
}

LYNC: Registers = {
    0x0374: "0003 2328",  # LampType 3, LampRatedOpTime 9000
    0x0470: "0001 86a0 0000 1194",  # ControllerOpTime 100000, LampOpTime 4500
    0x0475: "0032 0000 0190",  # LampLifeRem 50, MeasuredUvLevel 400
    0x0479: "8001 0002",
}

LYNC_SAYS = {
    'dispenser_uv_lamp_type_info{type="3"}': 1,
    "dispenser_uv_lamp_rated_operating_counts": 9000,
    "dispenser_uv_controller_operating_counts_total": 100000,
    "dispenser_uv_lamp_operating_counts_total": 4500,
    "dispenser_uv_lamp_life_remaining_counts": 50,
    "dispenser_uv_level_counts": 400,
    'dispenser_uv_status_word{word="0"}': 0x8001,
    'dispenser_uv_status_word{word="1"}': 2,
}

LEGIOMIX: Registers = {
    0: "1771 0001 002d 0029 0071 006a",  # 6001, address 1, T mix 45, T rec 41, both in Fahrenheit
    6: "0002 0001",  # disinfection, program 1A
    18: "000a 001e 003c 000f",  # wait 10 min, minimum 30 min, flushing 60 s, shock 15 min
    22: "0030 0046 0037 0041 0055",  # 48, 70, 55, 65, at most 85
    33: "0031",  # recirculation probe, units, display
    35: "0078",  # 120 s
}

LEGIOMIX_SAYS = {
    'dispenser_water_temperature_celsius{outlet="mixed"}': 45,
    'dispenser_water_temperature_celsius{outlet="recirculation"}': 41,
    'dispenser_state{state="none"}': 0,
    'dispenser_state{state="regulation"}': 0,
    'dispenser_state{state="disinfection"}': 1,
    'dispenser_state{state="flushing"}': 0,
    'dispenser_state{state="thermal_shock"}': 0,
    'dispenser_state{state="alarm"}': 0,
    'dispenser_disinfection_program{program="0"}': 0,
    'dispenser_disinfection_program{program="1A"}': 1,
    'dispenser_disinfection_program{program="1B"}': 0,
    'dispenser_disinfection_program{program="2"}': 0,
    'dispenser_disinfection_time_seconds{part="wait"}': 600,
    'dispenser_disinfection_time_seconds{part="minimum"}': 1800,
    'dispenser_disinfection_time_seconds{part="flushing"}': 60,
    'dispenser_disinfection_time_seconds{part="thermal_shock"}': 900,
    'dispenser_setpoint_celsius{outlet="mixed"}': 48,
    'dispenser_disinfection_setpoint_celsius{part="mixed"}': 70,
    'dispenser_disinfection_setpoint_celsius{part="recirculation"}': 55,
    'dispenser_disinfection_setpoint_celsius{part="thermal_shock"}': 65,
    "dispenser_setpoint_limit_celsius": 85,
    'dispenser_function_enabled{function="recirculation_probe"}': 1,
    'dispenser_function_enabled{function="anticlog"}': 0,
    'dispenser_function_enabled{function="display"}': 1,
    "dispenser_valve_travel_seconds": 120,
}


@pytest.mark.parametrize(
    ("name", "registers", "says"),
    [
        ("sunspec-meter", SUNSPEC, SUNSPEC_SAYS),
        ("watts-lync-uv", LYNC, LYNC_SAYS),
        ("caleffi-legiomix", LEGIOMIX, LEGIOMIX_SAYS),
    ],
)
def test_a_built_in_map_reads_what_its_makers_document_says(
    name: str, registers: Registers, says: Mapping[str, float]
) -> None:
    samples = read(name, registers)
    assert list(samples) == sorted(says)
    assert samples == pytest.approx(says, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "registers"),
    [
        ("sunspec-meter", {**SUNSPEC, 40070: "0067"}),  # model 103: an inverter
        ("caleffi-legiomix", {**LEGIOMIX, 0: "00c8"}),
    ],
)
def test_a_device_of_another_model_is_refused(name: str, registers: Registers) -> None:
    with pytest.raises(PollError, match="devices of this map hold"):
        read(name, registers)


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_built_in_map_says_for_whom_it_is(path: Path) -> None:
    assert load_map(path).description


def test_a_register_that_is_only_to_be_written_is_never_read() -> None:
    reads = plan("caleffi-legiomix")
    assert not any(read.start.number <= 34 < read.start.number + read.count for read in reads)


def read(name: str, registers: Registers) -> dict[str, float]:
    decoder = MapDecoder(load_map(BUILT_IN / f"{name}.yaml"))
    words = {
        first + offset: raw[2 * offset : 2 * offset + 2]
        for first, raw in ((first, bytes.fromhex(text)) for first, text in registers.items())
        for offset in range(len(raw) // 2)
    }
    reading = decoder.reading()
    reads = [decoder.read_decoder(one) for one in plan_reads(decoder.map, cost_model(None, decoder.map.traits))]
    answers = [answer(words, one.read) for one in reads]
    for one, raw in zip(reads, answers, strict=True):
        one.check_identity(raw)
        one.note_exponents(raw, reading)
    for one, raw in zip(reads, answers, strict=True):
        one.decode(raw, reading)
    return dict(sorted(sample(slot, text) for slot, text in zip(decoder.slots, reading.texts, strict=True) if text))


def answer(words: Mapping[int, bytes], one: Read) -> bytes:
    numbers = range(one.start.number, one.start.number + one.count)
    return b"".join(words.get(number, b"\0\0") for number in numbers)


def plan(name: str) -> tuple[Read, ...]:
    found = load_map(BUILT_IN / f"{name}.yaml")
    return plan_reads(found, cost_model(None, found.traits))


def sample(slot: Slot, text: str) -> tuple[str, float]:
    labels = dict(slot.labels) | ({slot.value_label: text} if slot.value_label else {})
    listed = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    series = f"{slot.metric.name}{{{listed}}}" if labels else slot.metric.name
    return series, 1 if slot.value_label else float(text)


def test_the_example_in_the_documentation_is_a_map() -> None:
    example = PAGE.split("```yaml\n")[1].partition("```")[0]
    found = parse_map(parse_document(example, "acme.yaml"), Path("acme.yaml"))
    assert {str(value.place) for value in found.values} == {"h1", "h10", "h11", "h20", "h24", "h30", "h31"}


@pytest.mark.parametrize("key", [*MapFile.model_fields, *RegisterEntry.model_fields])
def test_every_key_is_documented(key: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert any(f"`{key}`" in row.split("|")[1] for row in rows)


@pytest.mark.parametrize("word_type", [*NUMBER_TYPES, "string"])
def test_every_type_is_documented(word_type: str) -> None:
    assert re.search(rf"^\| `.*\b{word_type}\b.*` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(path.stem for path in BUILT_IN.glob("*.yaml")))
def test_every_built_in_map_is_documented(name: str) -> None:
    assert f"[{name}](../exporters/dispenser/maps/{name}.yaml)" in PAGE
