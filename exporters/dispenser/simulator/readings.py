"""What a dispenser's registers would say of its state: a value for each series that a map can ask for."""

from collections.abc import Collection, Mapping

from exporters.dispenser.registermap import Series
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import BOILING_CELSIUS, Water
from tapwatch import catalogue
from tapwatch.catalogue import Metric

MAP_VERSION = 1

_OVERHEAT_KELVIN = 3.0
_UNDERHEAT_KELVIN = 12.0
_WARM_COLD_KELVIN = 8.0
_WORN = 0.03
_REJECTION, _TORN_REJECTION = 0.94, 0.35
_INLET_PASCALS, _FLOWING_PASCALS = 300_000.0, 240_000.0

Readings = Mapping[Series, float | None]
"""Series to value; None where the device has no value."""


def read_state(water: Water, faults: Collection[Fault]) -> Readings:
    """Every series that the simulated dispenser knows."""
    readings: dict[Series, float | None] = {}
    for group in (_temperatures(water, faults), _quality(water, faults), _wear(water, faults), _counters(water)):
        readings |= group
    for state, on in _states(water, faults).items():
        readings |= _one(catalogue.DISPENSER_STATE, on, state=state)
    for fault, active in _fault_bits(water, faults).items():
        readings |= _one(catalogue.DISPENSER_FAULT, active, fault=fault)
    return readings


def _one(metric: Metric, value: float | None, **labels: str) -> dict[Series, float | None]:
    return {(metric.name, tuple(sorted(labels.items()))): value}


def _temperatures(water: Water, faults: Collection[Fault]) -> Readings:
    temperature, setpoint = catalogue.DISPENSER_WATER_TEMPERATURE, catalogue.DISPENSER_SETPOINT
    hot = None if Fault.SENSOR in faults else water.hot_celsius
    warm = (water.hot_celsius + water.cold_celsius) / 2
    return {
        **_one(temperature, hot, outlet="hot"),
        **_one(temperature, warm, outlet="warm"),
        **_one(temperature, water.cold_celsius, outlet="cold"),
        **_one(temperature, water.inlet_celsius, outlet="inlet"),
        **_one(setpoint, water.hot_setpoint, outlet="hot"),
        **_one(setpoint, water.cold_setpoint, outlet="cold"),
        **_one(catalogue.DISPENSER_AMBIENT_TEMPERATURE, water.ambient_celsius),
    }


def _quality(water: Water, faults: Collection[Fault]) -> Readings:
    rejection = _TORN_REJECTION if Fault.WATER_QUALITY in faults else _REJECTION
    pressure = 20_000.0 if Fault.DRY_RUN in faults else _FLOWING_PASCALS if water.filling else _INLET_PASCALS
    return {
        **_one(catalogue.DISPENSER_TDS, water.tds_inlet, point="inlet"),
        **_one(catalogue.DISPENSER_TDS, water.tds_inlet * (1 - rejection), point="outlet"),
        **_one(catalogue.DISPENSER_TURBIDITY, 1.8 if Fault.FILTER in faults else 0.12),
        **_one(catalogue.DISPENSER_TANK_LEVEL, min(1.0, max(0.0, water.hot_level)), tank="hot"),
        **_one(catalogue.DISPENSER_TANK_LEVEL, min(1.0, max(0.0, water.cold_level)), tank="cold"),
        **_one(catalogue.DISPENSER_INLET_PRESSURE, pressure),
    }


def _wear(water: Water, faults: Collection[Fault]) -> Readings:
    worn = Fault.FILTER in faults
    readings: dict[Series, float | None] = {}
    for stage, life in enumerate(water.filter_life, start=1):
        readings |= _one(catalogue.DISPENSER_FILTER_LIFE, min(life, _WORN) if worn else life, stage=str(stage))
    return {
        **readings,
        **_one(catalogue.DISPENSER_UV_LIFE, water.uv_life),
        **_one(catalogue.DISPENSER_FILTER_INSTALLED, water.filter_seconds, stage="ro"),
        **_one(
            catalogue.DISPENSER_ERROR_CODE, next((code for code, fault in enumerate(Fault, 1) if fault in faults), 0)
        ),
        **_one(catalogue.DISPENSER_MAP_VERSION, MAP_VERSION, version=""),
    }


def _counters(water: Water) -> Readings:
    readings: dict[Series, float | None] = {}
    for outlet, liters in water.dispensed.items():
        readings |= _one(catalogue.DISPENSER_DISPENSED, liters, outlet=outlet)
    for metric, value in (
        (catalogue.DISPENSER_FILTERED, water.filtered),
        (catalogue.DISPENSER_REJECTED, water.rejected),
        (catalogue.DISPENSER_ENERGY, water.joules),
        (catalogue.DISPENSER_HEATER_ON, water.heater_seconds),
        (catalogue.DISPENSER_COMPRESSOR_ON, water.compressor_seconds),
        (catalogue.DISPENSER_UV_ON, water.uv_seconds),
        (catalogue.DISPENSER_DISPENSES, water.dispenses),
        (catalogue.DISPENSER_STERILIZATIONS, water.sterilizations),
        (catalogue.DISPENSER_LAST_STERILIZATION, water.last_sterilization),
        (catalogue.DISPENSER_LAST_MAINTENANCE, water.last_maintenance),
    ):
        readings |= _one(metric, value)
    return readings


def _states(water: Water, faults: Collection[Fault]) -> dict[str, bool]:
    return {
        "power": True,
        "heater": water.heater,
        "compressor": water.compressor,
        "uv": water.uv,
        "pump": water.filling or Fault.DRY_RUN in faults,
        "inlet_valve": water.filling,
        "sterilizing": water.sterilizing_seconds > 0,
        "child_lock": True,
    }


def _fault_bits(water: Water, faults: Collection[Fault]) -> dict[str, bool]:
    over = water.hot_celsius > min(water.hot_setpoint + _OVERHEAT_KELVIN, BOILING_CELSIUS - 0.5)
    return {
        "leak": Fault.LEAK in faults,
        "overflow": Fault.OVERFLOW in faults,
        "dry_run": Fault.DRY_RUN in faults,
        "hot_overtemp": over,
        "hot_underheat": water.hot_celsius < water.hot_setpoint - _UNDERHEAT_KELVIN,
        "cold_fail": water.cold_celsius > water.cold_setpoint + _WARM_COLD_KELVIN,
        "hot_sensor": Fault.SENSOR in faults,
        "uv_lamp": Fault.UV_LAMP in faults,
        "inlet_lost": Fault.DRY_RUN in faults,
    }
