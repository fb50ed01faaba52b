"""A dispenser's water, heat and wear: plain arithmetic on its state; time and chance are passed in."""

import math
import random
from collections.abc import Collection
from dataclasses import dataclass, field

from exporters.dispenser.simulator.faults import Fault

# J/(kg K): ISO's value of the calorie at 15 degrees Celsius, 4.1855 J. A litre is taken as a kilogram throughout.
HEAT_CAPACITY = 4185.5
BOILING_CELSIUS = 100.0

# GB 34914-2021 allows reverse osmosis no less than 45 % of the water taken in: 1.2 litres rejected for one filtered.
REJECTED_PER_FILTERED = 1.2
# What makers of low-pressure lamps give for the useful life: a year of burning.
UV_LAMP_SECONDS = 9000 * 3600.0

# The rest is assumed: a floor-standing dispenser for some hundred litres a day, which wears out its first two
# cartridges in three months, the practice of Taiwan's schools.
HOT_LITERS, COLD_LITERS = 12.0, 6.0
BODY_KILOGRAMS = 1.0
"""Water with the heat capacity of a tank's steel."""
HEATER_WATTS, COMPRESSOR_WATTS, UV_WATTS, STANDBY_WATTS = 2000.0, 120.0, 14.0, 5.0
COOLING_WATTS = 150.0
"""Heat that the compressor takes out of the cold tank."""
HOT_LOSS_WATTS_PER_KELVIN, COLD_LOSS_WATTS_PER_KELVIN = 1.2, 0.8
FILL_LITERS_PER_SECOND = 0.018
FILTER_LITERS = (9000.0, 9000.0, 27000.0, 18000.0)

HEATER_BAND_KELVIN, COMPRESSOR_BAND_KELVIN = 2.0, 1.5
REFILL_BELOW, REFILL_UNTIL = 0.88, 0.97
STERILIZING_HOUR, STERILIZING_SECONDS, STERILIZING_CELSIUS = 3.0, 1200.0, 85.0

STEP_SECONDS = 5.0
"""The longest step: heat flows little enough in it for plain Euler integration."""

# Draws an hour at each full hour: lecture breaks, meals, quiet nights.
_DRAWS = (0.2, 0.1, 0.1, 0.1, 0.1, 0.5, 2, 8, 14, 18, 22, 24, 30, 22, 18, 20, 18, 16, 20, 14, 10, 6, 3, 1)
_DRAW_LITERS = (0.15, 0.6)
_OUTLETS = {"hot": 0.35, "warm": 0.40, "cold": 0.25}
"""What people draw."""


@dataclass
class Water:
    """The state of one dispenser, in base units."""

    hot_celsius: float = 95.0
    cold_celsius: float = 6.0
    inlet_celsius: float = 22.0
    ambient_celsius: float = 24.0
    hot_setpoint: float = 95.0
    cold_setpoint: float = 6.0
    hot_level: float = 0.95
    cold_level: float = 0.95
    tds_inlet: float = 0.18
    """Grams a litre."""
    filter_life: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0, 1.0])
    dispensed: dict[str, float] = field(default_factory=lambda: {"hot": 0.0, "warm": 0.0, "cold": 0.0})
    filtered: float = 0.0
    rejected: float = 0.0
    joules: float = 0.0
    heater_seconds: float = 0.0
    compressor_seconds: float = 0.0
    uv_seconds: float = 0.0
    filter_seconds: float = 0.0
    dispenses: int = 0
    sterilizations: int = 0
    last_sterilization: float = 0.0
    last_maintenance: float = 0.0
    heater: bool = False
    compressor: bool = False
    filling: bool = False
    uv: bool = True
    sterilizing_seconds: float = 0.0
    """What is left of the running sterilization; 0 when none runs."""

    @property
    def uv_life(self) -> float:
        """Life left in the lamp, 0 to 1."""
        return max(0.0, 1.0 - self.uv_seconds / UV_LAMP_SECONDS)


def used_dispenser(chance: random.Random, now: float) -> Water:
    """A dispenser that has been in service for a while; nothing about it is alarming."""
    days = chance.uniform(10, 60)
    liters = days * chance.uniform(70, 110)
    # A day's work of heater and compressor, as the physics below come to.
    heater, compressor, lamp = days * 13_000, days * 27_000, days * 86400
    water = Water(
        inlet_celsius=chance.uniform(18, 24),
        ambient_celsius=chance.uniform(21, 27),
        tds_inlet=chance.uniform(0.12, 0.26),
        filter_life=[1 - liters / capacity for capacity in FILTER_LITERS],
        dispensed={name: liters * share for name, share in _OUTLETS.items()},
        filtered=liters,
        rejected=liters * REJECTED_PER_FILTERED,
        joules=heater * HEATER_WATTS + compressor * COMPRESSOR_WATTS + lamp * (UV_WATTS + STANDBY_WATTS),
        heater_seconds=heater,
        compressor_seconds=compressor,
        uv_seconds=lamp,
        filter_seconds=days * 86400,
        dispenses=int(liters / 0.375),
        sterilizations=int(days),
        last_sterilization=now - chance.uniform(1, 20) * 3600,
        last_maintenance=now - chance.uniform(1, 25) * 86400,
    )
    water.hot_celsius += chance.uniform(-1, 0.5)
    water.cold_celsius += chance.uniform(-0.5, 1)
    return water


def advance(water: Water, seconds: float, now: float, faults: Collection[Fault], chance: random.Random) -> None:
    """Let `seconds` pass until the Unix time `now`, UTC taken as the campus' own time."""
    steps = max(1, math.ceil(seconds / STEP_SECONDS))
    for step in range(steps):
        moment = now - seconds * (1 - (step + 1) / steps)
        _step(water, seconds / steps, moment, faults, chance)


def _step(water: Water, seconds: float, now: float, faults: Collection[Fault], chance: random.Random) -> None:
    hour = now / 3600 % 24
    _people(water, seconds, hour, chance)
    _fill(water, seconds, faults)
    _heat(water, seconds, faults)
    _cool(water, seconds, faults)
    _sterilize(water, seconds, now, hour)
    water.uv = Fault.UV_LAMP not in faults
    water.uv_seconds += seconds * water.uv
    water.filter_seconds += seconds
    used = HEATER_WATTS * water.heater + COMPRESSOR_WATTS * water.compressor + UV_WATTS * water.uv + STANDBY_WATTS
    water.joules += used * seconds


def _people(water: Water, seconds: float, hour: float, chance: random.Random) -> None:
    expected = _DRAWS[int(hour)] * seconds / 3600
    if chance.random() < expected:
        draw(water, chance.choices(list(_OUTLETS), list(_OUTLETS.values()))[0], chance.uniform(*_DRAW_LITERS))


def draw(water: Water, outlet: str, liters: float) -> None:
    """Somebody draws `liters` at an outlet, as far as the tanks hold them; warm is half hot, half cold."""
    hot_share = {"hot": 1.0, "warm": 0.5, "cold": 0.0}[outlet]
    hot = min(liters * hot_share, water.hot_level * HOT_LITERS)
    cold = min(liters * (1 - hot_share), water.cold_level * COLD_LITERS)
    water.hot_level -= hot / HOT_LITERS
    water.cold_level -= cold / COLD_LITERS
    water.dispensed[outlet] += hot + cold
    water.dispenses += 1


def _fill(water: Water, seconds: float, faults: Collection[Fault]) -> None:
    """Open the inlet valve for a tank that is low; fresh water mixes with what is there, and wears the filters."""
    if Fault.DRY_RUN in faults:
        water.filling = False
    elif Fault.OVERFLOW in faults or min(water.hot_level, water.cold_level) < REFILL_BELOW:
        water.filling = True
    elif min(water.hot_level, water.cold_level) >= REFILL_UNTIL:
        water.filling = False
    if not water.filling:
        return
    left = FILL_LITERS_PER_SECOND * seconds
    hot = min(left, (1 - water.hot_level) * HOT_LITERS)
    cold = min(left - hot, (1 - water.cold_level) * COLD_LITERS)
    water.hot_celsius = _mix(water.hot_celsius, water.hot_level * HOT_LITERS, water.inlet_celsius, hot)
    water.cold_celsius = _mix(water.cold_celsius, water.cold_level * COLD_LITERS, water.inlet_celsius, cold)
    water.hot_level += hot / HOT_LITERS
    water.cold_level += cold / COLD_LITERS
    taken = left if Fault.OVERFLOW in faults else hot + cold
    water.filtered += taken
    water.rejected += taken * REJECTED_PER_FILTERED
    water.filter_life = [
        max(0.0, life - taken / capacity) for life, capacity in zip(water.filter_life, FILTER_LITERS, strict=True)
    ]


def _mix(celsius: float, liters: float, fresh_celsius: float, fresh_liters: float) -> float:
    total = liters + fresh_liters
    return celsius if total <= 0 else (celsius * liters + fresh_celsius * fresh_liters) / total


def _heat(water: Water, seconds: float, faults: Collection[Fault]) -> None:
    if water.hot_celsius < water.hot_setpoint - HEATER_BAND_KELVIN:
        water.heater = True
    elif water.hot_celsius >= water.hot_setpoint:
        water.heater = False
    if Fault.OVERHEAT in faults:
        water.heater = True
    if Fault.UNDERHEAT in faults or water.hot_level <= 0:
        water.heater = False
    loss = HOT_LOSS_WATTS_PER_KELVIN * (water.hot_celsius - water.ambient_celsius)
    mass = water.hot_level * HOT_LITERS + BODY_KILOGRAMS
    rise = (HEATER_WATTS * water.heater - loss) * seconds / (mass * HEAT_CAPACITY)
    water.hot_celsius = min(BOILING_CELSIUS, water.hot_celsius + rise)
    water.heater_seconds += seconds * water.heater


def _cool(water: Water, seconds: float, faults: Collection[Fault]) -> None:
    if water.cold_celsius > water.cold_setpoint + COMPRESSOR_BAND_KELVIN:
        water.compressor = True
    elif water.cold_celsius <= water.cold_setpoint:
        water.compressor = False
    if Fault.COLD in faults or water.cold_level <= 0:
        water.compressor = False
    gain = COLD_LOSS_WATTS_PER_KELVIN * (water.ambient_celsius - water.cold_celsius)
    mass = water.cold_level * COLD_LITERS + BODY_KILOGRAMS
    fall = (COOLING_WATTS * water.compressor - gain) * seconds / (mass * HEAT_CAPACITY)
    water.cold_celsius = max(0.5, water.cold_celsius - fall)
    water.compressor_seconds += seconds * water.compressor


def _sterilize(water: Water, seconds: float, now: float, hour: float) -> None:
    """Once a night, and only while the water is hot enough for it."""
    if water.hot_celsius < STERILIZING_CELSIUS:
        water.sterilizing_seconds = 0.0
    elif water.sterilizing_seconds > 0:
        water.sterilizing_seconds = max(0.0, water.sterilizing_seconds - seconds)
        if water.sterilizing_seconds == 0:
            water.sterilizations += 1
            water.last_sterilization = now
    elif STERILIZING_HOUR <= hour < STERILIZING_HOUR + 1 and now - water.last_sterilization > 12 * 3600:
        water.sterilizing_seconds = STERILIZING_SECONDS
