"""A simulated dispenser behaves as water, heat and wear do."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import (
    COLD_LITERS,
    COMPRESSOR_WATTS,
    HEATER_WATTS,
    HOT_LITERS,
    STANDBY_WATTS,
    UV_WATTS,
    Water,
    advance,
    draw,
    used_dispenser,
)
from exporters.dispenser.simulator.readings import READINGS

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


@settings(max_examples=60, deadline=None)
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


def accounted(water: Water) -> float:
    """Litres in the tanks, and drawn from them, less what came in: the same at all times."""
    held = water.hot_level * HOT_LITERS + water.cold_level * COLD_LITERS
    return held + sum(water.dispensed.values()) - water.filtered


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.sets(st.sampled_from([*set(Fault) - {Fault.OVERFLOW}]), max_size=4), st.floats(1, 30_000)
)
def test_no_water_and_no_energy_come_from_nowhere(seed: int, faults: set[Fault], seconds: float) -> None:
    water, chance = dispenser(seed)
    liters = accounted(water)
    heater, compressor, uv, joules = water.heater_seconds, water.compressor_seconds, water.uv_seconds, water.joules
    advance(water, seconds, MORNING + seconds, faults, chance)
    assert accounted(water) == pytest.approx(liters)
    used = HEATER_WATTS * (water.heater_seconds - heater) + COMPRESSOR_WATTS * (water.compressor_seconds - compressor)
    used += UV_WATTS * (water.uv_seconds - uv) + STANDBY_WATTS * seconds
    assert water.joules - joules == pytest.approx(used)


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_week_sets_no_fault_bit(seed: int) -> None:
    water, chance = dispenser(seed)
    seen = set()
    for minute in range(7 * 24 * 60):
        advance(water, 60, MORNING + 60 * (minute + 1), [], chance)
        seen |= {
            series
            for series, reading in READINGS.items()
            if series[0] == "dispenser_fault_active" and reading(water, [])
        }
    assert seen == set()
    assert 600 < sum(water.dispensed.values()) - sum(dispenser(seed)[0].dispensed.values()) < 800


def test_a_leap_in_time_ends_as_many_small_steps_do() -> None:
    leaping, leaping_chance = dispenser()
    stepping, stepping_chance = dispenser()
    advance(leaping, 3600, MORNING + 3600, [], leaping_chance)
    for step in range(720):
        advance(stepping, 5, MORNING + 5 * (step + 1), [], stepping_chance)
    assert counters(leaping) == pytest.approx(counters(stepping))
    assert leaping.hot_celsius == pytest.approx(stepping.hot_celsius)


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
    water.hot_celsius = 60.0
    joules, seconds = water.joules, water.heater_seconds
    advance(water, 1800, NIGHT + 1800, [], chance)
    assert water.hot_celsius > water.hot_setpoint - 3
    heating = (water.heater_seconds - seconds) * HEATER_WATTS
    needed = 35 * water.hot_level * 12 * 4186
    assert heating == pytest.approx(needed, rel=0.25)
    assert water.joules - joules >= heating


def test_cool_water_sterilizes_nothing() -> None:
    water, chance = dispenser()
    water.last_sterilization = NIGHT - 86400.0
    water.hot_celsius = 60.0
    before = water.sterilizations
    advance(water, 8 * 3600, NIGHT + 8 * 3600, [Fault.UNDERHEAT], chance)
    assert water.sterilizations == before


def test_an_overflow_wastes_water_and_wears_filters() -> None:
    water, chance = dispenser()
    filtered, life = water.filtered, water.filter_life[0]
    advance(water, 3600, NIGHT + 3600, [Fault.OVERFLOW], chance)
    assert water.filtered > filtered + 50
    assert water.filter_life[0] < life
    assert water.hot_level == pytest.approx(1)


def test_a_dry_dispenser_gives_what_it_has_and_then_nothing() -> None:
    water, chance = dispenser()
    advance(water, 12 * 3600, MORNING + 12 * 3600, [Fault.DRY_RUN], chance)
    assert water.hot_level == pytest.approx(0)
    before = dict(water.dispensed)
    draw(water, "hot", 0.5)
    assert water.dispensed == pytest.approx(before)
    assert not water.heater


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
    ("fault", "start", "shows"),
    [
        (Fault.OVERHEAT, NIGHT, lambda water: water.hot_celsius > 98),
        (Fault.UNDERHEAT, MORNING, lambda water: water.hot_celsius < 80),
        (Fault.COLD, MORNING, lambda water: water.cold_celsius > 14),
        (Fault.DRY_RUN, MORNING, lambda water: water.hot_level < 0.5),
        (Fault.UV_LAMP, MORNING, lambda water: not water.uv),
    ],
)
def test_a_fault_shows_within_two_hours_and_a_healthy_dispenser_has_none_of_it(
    fault: Fault, start: float, shows: Callable[[Water], bool]
) -> None:
    broken, chance = dispenser()
    advance(broken, 2 * 3600, start + 2 * 3600, [fault], chance)
    assert shows(broken)
    healthy, chance = dispenser()
    advance(healthy, 2 * 3600, start + 2 * 3600, [], chance)
    assert not shows(healthy)
