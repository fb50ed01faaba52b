"""What the simulator writes into registers, the exporter reads back."""

import random
from collections.abc import Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.dispenser import words
from exporters.dispenser.cost import cost_model
from exporters.dispenser.decode import Discarded, MapDecoder
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.plan import plan_reads
from exporters.dispenser.registermap import Bits, Place, RegisterMap, Series, Traits, Value
from exporters.dispenser.simulator.faults import DESCRIPTIONS, Fault
from exporters.dispenser.simulator.physics import Water, used_dispenser
from exporters.dispenser.simulator.readings import READINGS
from exporters.dispenser.simulator.registers import Registers
from tapwatch import catalogue

NOW = 1_790_000_000
MAP = load_maps([])["default"]
(READ,) = plan_reads(MAP, cost_model(None, Traits()))
DECODER = MapDecoder(MAP)
CARED_FOR = Water(last_sterilization=NOW, last_maintenance=NOW)
"""A time of 0 is one that nobody knows."""
SCALED = [value for value in MAP.values if value.bits is None and value.value_label is None]


def read(registers: Registers, water: Water, faults: Collection[Fault] = ()) -> bytes:
    answer = registers.read(READ.start.space, READ.start.number, READ.count, water, faults)
    assert answer is not None
    return b"".join(register.to_bytes(2, "big") for register in answer)


def number_type(value: Value) -> words.NumberType:
    assert value.type != "string"
    return value.type


def round_trip(registers: Registers, water: Water, faults: Collection[Fault] = ()) -> tuple[dict[Series, float], int]:
    reading = DECODER.reading()
    DECODER.read_decoder(READ).decode(read(registers, water, faults), reading)
    samples: dict[Series, float] = {}
    for slot, text in zip(DECODER.slots, reading.texts, strict=True):
        if text is not None and slot.value_label is not None:
            samples[slot.metric.name, ((slot.value_label, text),)] = 1
        elif text is not None:
            samples[slot.metric.name, slot.labels] = float(text)
    return samples, len(reading.discarded)


def active(water: Water, faults: Collection[Fault] = ()) -> set[str]:
    """The fault bits that are set."""
    samples, _ = round_trip(Registers(MAP), water, faults)
    return {
        dict(labels)["fault"] for (name, labels), value in samples.items() if name == "dispenser_fault_active" and value
    }


@pytest.mark.parametrize("seed", range(20))
def test_every_register_of_the_default_map_has_a_believable_value(seed: int) -> None:
    water = used_dispenser(random.Random(seed), NOW)
    samples, discarded = round_trip(Registers(MAP), water)
    assert (len(samples), discarded) == (62, 0)
    assert {series for series in samples if series not in READINGS} == {
        (catalogue.DISPENSER_MAP_VERSION.name, (("version", "1"),)),
        *((catalogue.DISPENSER_FAULT.name, (("fault", name),)) for name in ("cold_sensor", "tds_sensor", "compressor")),
        *((catalogue.DISPENSER_FAULT.name, (("fault", name),)) for name in ("board", "comms", "clock")),
        *((catalogue.DISPENSER_STATE.name, (("state", name),)) for name in ("drain_valve", "sleep", "flushing")),
        *((catalogue.DISPENSER_STATE.name, (("state", name),)) for name in ("hot_lock", "maintenance")),
    }


@settings(deadline=None)
@given(st.data())
def test_every_register_of_the_default_map_reads_back_within_half_a_step(data: st.DataObject) -> None:
    readings: dict[Series, float] = {}
    for value in SCALED:
        low, high = value.range or (0, words.limits(number_type(value))[1] * value.scale - value.scale)
        least = max(low, value.scale) if value.metric.is_time else low
        readings[next(value.series)] = data.draw(st.floats(least, high))
    drawn = {series: lambda *_, reading=reading: reading for series, reading in readings.items()}
    registers = Registers(MAP, {**READINGS, **drawn})
    samples, discarded = round_trip(registers, CARED_FOR)
    assert discarded == 0
    for value in SCALED:
        (series,) = value.series
        assert abs(samples[series] - readings[series]) <= value.scale / 2 * (1 + 1e-6), series


@pytest.mark.parametrize(
    "value", [value for value in SCALED if value.metric.type == "counter"], ids=lambda it: str(it.place)
)
def test_a_counter_starts_again_when_its_register_is_full(value: Value) -> None:
    (series,) = value.series
    full = int(words.limits(number_type(value))[1])  # all ones stand for no value, so it is never counted up to
    for steps, shown in ((full - 1, full - 1), (full, 0), (full + 42, 42)):
        registers = Registers(MAP, {**READINGS, series: lambda *_, steps=steps: steps * value.scale})
        samples, discarded = round_trip(registers, CARED_FOR)
        assert samples[series] == pytest.approx(shown * value.scale)
        assert discarded == 0


def test_what_is_no_counter_stops_at_the_end_of_its_register() -> None:
    series = catalogue.DISPENSER_FILTER_INSTALLED.name, (("stage", "ro"),)
    samples, discarded = round_trip(Registers(MAP, {**READINGS, series: lambda *_: 1e12}), CARED_FOR)
    assert samples[series] == 65534 * 86400
    assert discarded == 0


def test_a_read_may_begin_and_end_anywhere() -> None:
    registers, water = Registers(MAP), used_dispenser(random.Random(1), NOW)
    whole = registers.read("input", 0, 48, water, ())
    assert whole is not None
    for start in range(48):
        for count in range(1, 49 - start):
            assert registers.read("input", start, count, water, ()) == whole[start : start + count]
        assert registers.read("input", start, 49 - start, water, ()) is None
    assert registers.read("holding", 0, 1, water, ()) is None


def test_coils_and_floats_are_written_too() -> None:
    def value(place: str, word_type: words.WordType, metric: catalogue.Metric, bits: Bits | None = None) -> Value:
        labels = {} if bits else {"outlet": "hot"}
        return Value(Place.parse(place), word_type, "CDAB", metric, labels, bits=bits)

    temperature = value("h10", "f32", catalogue.DISPENSER_WATER_TEMPERATURE)
    leak = value("c3", "bit", catalogue.DISPENSER_FAULT, Bits("fault", ("leak",)))
    registers = Registers(RegisterMap("other", "", "ABCD", None, [temperature, leak]))
    assert registers.read("coil", 3, 1, Water(), [Fault.LEAK]) == [1]
    assert registers.read("coil", 3, 1, Water(), []) == [0]
    assert registers.read("holding", 10, 2, Water(hot_celsius=1.5), []) == [0x0000, 0x3FC0]
    assert registers.read("holding", 10, 2, Water(), [Fault.SENSOR]) == [0x0000, 0x7FC0]


def test_a_new_dispenser_alarms_nobody() -> None:
    assert active(used_dispenser(random.Random(1), NOW)) == set()


@pytest.mark.parametrize(
    ("fault", "bits"),
    [
        (Fault.LEAK, {"leak"}),
        (Fault.OVERFLOW, {"overflow"}),
        (Fault.DRY_RUN, {"dry_run", "inlet_lost"}),
        (Fault.UV_LAMP, {"uv_lamp"}),
        (Fault.SENSOR, {"hot_sensor"}),
    ],
)
def test_a_fault_of_the_device_sets_its_bit_and_an_error_code(fault: Fault, bits: set[str]) -> None:
    assert active(Water(), [fault]) == bits
    assert round_trip(Registers(MAP), Water(), [fault])[0]["dispenser_error_code", ()] > 0
    assert round_trip(Registers(MAP), Water())[0]["dispenser_error_code", ()] == 0


@pytest.mark.parametrize(
    ("water", "bit"),
    [
        (Water(hot_celsius=99), "hot_overtemp"),
        (Water(hot_celsius=60), "hot_underheat"),
        (Water(cold_celsius=16), "cold_fail"),
    ],
)
def test_a_wrong_temperature_sets_its_bit(water: Water, bit: str) -> None:
    assert active(water) == {bit}


def test_a_torn_membrane_lets_through_more_than_a_quarter_of_what_is_dissolved() -> None:
    inlet, outlet = (("dispenser_tds_grams_per_liter", (("point", point),)) for point in ("inlet", "outlet"))
    healthy, _ = round_trip(Registers(MAP), Water())
    torn, _ = round_trip(Registers(MAP), Water(), [Fault.WATER_QUALITY])
    assert healthy[outlet] < 0.1 * healthy[inlet]
    assert torn[outlet] > 0.25 * torn[inlet]


def test_worn_filters_have_hardly_any_life_left_and_let_through_dirt() -> None:
    samples, _ = round_trip(Registers(MAP), Water(), [Fault.FILTER])
    lives = [value for (name, _), value in samples.items() if name == "dispenser_filter_life_ratio"]
    assert len(lives) == 4
    assert max(lives) < 0.1
    assert samples["dispenser_turbidity_ntu", ()] > 1


def test_a_broken_sensor_has_no_value() -> None:
    raw = read(Registers(MAP), Water(), [Fault.SENSOR])
    explained = DECODER.read_decoder(READ).explain(raw, DECODER.reading())
    (hot,) = (each for each in explained if each.value.place.number == 2)
    assert hot.rendered.discarded is Discarded.NOT_AVAILABLE


def test_another_model_says_so() -> None:
    assert Registers(MAP).read("input", 0, 1, Water(), []) == [0x5744]
    assert Registers(MAP).read("input", 0, 1, Water(), [Fault.IDENTITY]) == [0x1234]


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.SLOW, Fault.GARBAGE, Fault.WRONG_UNIT, Fault.BUSY])
def test_the_device_knows_nothing_of_a_fault_of_the_line(fault: Fault) -> None:
    assert read(Registers(MAP), Water(), [fault]) == read(Registers(MAP), Water())


def test_every_fault_is_explained() -> None:
    assert set(DESCRIPTIONS) == set(Fault)
