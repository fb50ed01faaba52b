"""What the simulator writes into registers, the exporter reads back."""

import random
from collections.abc import Collection

import pytest

from exporters.dispenser.decode import Discarded, decode
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.plan import plan_reads
from exporters.dispenser.registermap import Series
from exporters.dispenser.simulator.faults import DESCRIPTIONS, Fault
from exporters.dispenser.simulator.physics import Water, used_dispenser
from exporters.dispenser.simulator.readings import read_state
from exporters.dispenser.simulator.registers import encode

MAP = load_maps([])["default"]
(READ,) = plan_reads(MAP)


def round_trip(water: Water, faults: Collection[Fault] = ()) -> tuple[dict[Series, float], int]:
    registers = encode(MAP, read_state(water, faults))
    raw = b"".join(registers["input", number].to_bytes(2, "big") for number in range(READ.count))
    decoded = list(decode(READ, raw))
    samples = {(one.metric.name, one.labels): one.value for each in decoded for one in each.samples}
    return samples, sum(each.discarded is not None for each in decoded)


@pytest.mark.parametrize("seed", range(20))
def test_every_register_of_the_default_map_reads_back_within_half_a_step(seed: int) -> None:
    water = used_dispenser(random.Random(seed), 1_790_000_000)
    samples, discarded = round_trip(water)
    assert (len(samples), discarded) == (62, 0)
    readings = read_state(water, ())
    for value in MAP.values:
        for series in value.series:
            expected = readings.get(series, 0)
            if value.value_label is None and expected is not None:
                assert samples[series] == pytest.approx(float(expected), abs=value.scale / 2 + 1e-9), series


def test_a_new_dispenser_alarms_nobody() -> None:
    samples, _ = round_trip(used_dispenser(random.Random(1), 1_790_000_000))
    assert not [series for series, value in samples.items() if series[0] == "dispenser_fault_active" and value]


def test_a_counter_starts_again_when_its_register_is_full() -> None:
    water = used_dispenser(random.Random(1), 1_790_000_000)
    for dispenses, register in ((65534, 65534), (65535, 0), (65536 + 41, 42)):
        water.dispenses = dispenses
        samples, discarded = round_trip(water)
        assert samples["dispenser_dispenses_total", ()] == register
        assert discarded == 0


def test_a_broken_sensor_has_no_value() -> None:
    registers = encode(MAP, read_state(Water(), [Fault.SENSOR]))
    assert registers["input", 2] == 0x8000
    raw = b"".join(registers["input", number].to_bytes(2, "big") for number in range(READ.count))
    (hot,) = (each for each in decode(READ, raw) if each.value.place.number == 2)
    assert hot.discarded is Discarded.NOT_AVAILABLE


def test_every_fault_is_explained() -> None:
    assert set(DESCRIPTIONS) == set(Fault)
