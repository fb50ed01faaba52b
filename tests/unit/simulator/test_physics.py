"""A simulated dispenser behaves as water, heat and wear do."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import HEATER_WATTS, Water, advance, draw, used_dispenser

MORNING = 1_790_000_000 // 86400 * 86400 + 10 * 3600
NIGHT = MORNING - 9 * 3600


def dispenser(seed: int = 1) -> tuple[Water, random.Random]:
    chance = random.Random(seed)
    return used_dispenser(chance, MORNING), chance


def counters(water: Water) -> list[float]:
    return [
        *water.dispensed.values(),
        water.filtered,
        water.rejected,
        water.joules,
        water.heater_seconds,
        water.compressor_seconds,
        water.uv_seconds,
        water.dispenses,
        water.sterilizations,
    ]


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.sets(st.sampled_from(list(Fault)), max_size=4),
    st.lists(st.floats(0, 20_000), min_size=1, max_size=6),
)
def test_whatever_happens_the_state_stays_possible(seed: int, faults: set[Fault], waits: list[float]) -> None:
    water, chance = dispenser(seed)
    now = float(MORNING)
    for wait in waits:
        before = counters(water)
        now += wait
        advance(water, wait, now, faults, chance)
        assert all(after >= earlier for after, earlier in zip(counters(water), before, strict=True))
        assert -1e-9 <= water.hot_level <= 1 + 1e-9
        assert -1e-9 <= water.cold_level <= 1 + 1e-9
        assert 0 < water.cold_celsius < 100
        assert 0 < water.hot_celsius <= 100
        assert all(0 <= life <= 1 for life in water.filter_life)


def test_a_draw_lowers_the_tank_and_the_refill_the_temperature() -> None:
    water, chance = dispenser()
    level, hot, drawn = water.hot_level, water.hot_celsius, water.dispensed["hot"]
    draw(water, "hot", 4.0)
    assert water.hot_level < level - 0.3
    assert water.dispensed["hot"] == drawn + 4.0
    advance(water, 60, NIGHT + 60, [], chance)
    assert water.hot_celsius < hot - 5
    assert water.heater


def test_the_heater_brings_the_water_back_to_its_setpoint_and_uses_the_energy_for_it() -> None:
    water, chance = dispenser()
    water.hot_celsius, water.cold_celsius = 60.0, 6.0
    joules, seconds = water.joules, water.heater_seconds
    advance(water, 1800, NIGHT + 1800, [], chance)
    assert water.hot_celsius > water.hot_setpoint - 3
    heating = (water.heater_seconds - seconds) * HEATER_WATTS
    needed = 35 * water.hot_level * 12 * 4186
    assert heating == pytest.approx(needed, rel=0.25)
    assert water.joules - joules >= heating


def test_people_drink_by_day_and_sleep_by_night() -> None:
    totals = {}
    for name, start in (("day", MORNING), ("night", NIGHT)):
        water, chance = dispenser()
        before = water.dispenses
        advance(water, 2 * 3600, start + 2 * 3600, [], chance)
        totals[name] = water.dispenses - before
    assert totals["day"] > 10 * max(1, totals["night"])


def test_filters_wear_with_the_water_that_passes() -> None:
    water, chance = dispenser()
    before = list(water.filter_life)
    advance(water, 8 * 3600, MORNING + 8 * 3600, [], chance)
    assert all(after < earlier for after, earlier in zip(water.filter_life, before, strict=True))


def test_an_old_lamp_has_little_life_left() -> None:
    water, _ = dispenser()
    water.uv_seconds = 8999 * 3600
    assert 0 < water.uv_life < 0.001
    water.uv_seconds = 9999 * 3600
    assert water.uv_life == 0


def test_a_night_has_one_sterilization() -> None:
    water, chance = dispenser()
    water.last_sterilization = NIGHT - 86400.0
    before = water.sterilizations
    advance(water, 8 * 3600, NIGHT + 8 * 3600, [], chance)
    assert water.sterilizations == before + 1
    assert NIGHT < water.last_sterilization < NIGHT + 5 * 3600


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        (Fault.OVERHEAT, lambda water: water.hot_celsius > 98),
        (Fault.UNDERHEAT, lambda water: water.hot_celsius < 85),
        (Fault.COLD, lambda water: water.cold_celsius > 12),
        (Fault.DRY_RUN, lambda water: water.hot_level == 0),
        (Fault.UV_LAMP, lambda water: not water.uv),
    ],
)
def test_a_fault_shows_within_two_hours_and_a_healthy_dispenser_has_none_of_it(fault: Fault, shows: object) -> None:
    assert callable(shows)
    broken, chance = dispenser()
    advance(broken, 2 * 3600, MORNING + 2 * 3600, [fault], chance)
    assert shows(broken)
    healthy, chance = dispenser()
    advance(healthy, 2 * 3600, MORNING + 2 * 3600, [], chance)
    assert not shows(healthy)
