"""What a dispenser says of its state: for each series that a map can ask for, how it is read off the water."""

from collections.abc import Callable, Collection, Mapping

from exporters.dispenser.registermap import Series
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import BOILING_CELSIUS, Water
from tapwatch import catalogue
from tapwatch.catalogue import Metric

MAP_VERSION = 1

_OVERHEAT_KELVIN = 3.0
_UNDERHEAT_KELVIN = 15.0
_WARM_COLD_KELVIN = 8.0
_WORN = 0.03
_REJECTION, _TORN_REJECTION = 0.94, 0.35
_CLEAR_NTU, _CLOUDY_NTU = 0.12, 1.8
_PASCALS, _FLOWING_PASCALS, _LOST_PASCALS = 300_000.0, 240_000.0, 20_000.0

Reading = Callable[[Water, Collection[Fault]], float | None]
"""The value in the metric's unit; None where the device has none."""


def _inlet_pascals(water: Water, faults: Collection[Fault]) -> float:
    if Fault.DRY_RUN in faults:
        return _LOST_PASCALS
    return _FLOWING_PASCALS if water.filling else _PASCALS


def _outlet_tds(water: Water, faults: Collection[Fault]) -> float:
    return water.tds_inlet * (1 - (_TORN_REJECTION if Fault.WATER_QUALITY in faults else _REJECTION))


def _filter_life(stage: int) -> Reading:
    return lambda water, faults: min(water.filter_life[stage - 1], _WORN if Fault.FILTER in faults else 1.0)


def _dispensed(outlet: str) -> Reading:
    return lambda water, _: water.dispensed[outlet]


# In the order of the fault bits of the default map, so that the first one's place is the error code.
_FAULT_BITS: Mapping[str, Reading] = {
    "leak": lambda _, faults: Fault.LEAK in faults,
    "overflow": lambda _, faults: Fault.OVERFLOW in faults,
    "dry_run": lambda _, faults: Fault.DRY_RUN in faults,
    "hot_overtemp": lambda water, _: (
        water.hot_celsius > min(water.hot_setpoint + _OVERHEAT_KELVIN, BOILING_CELSIUS - 0.5)
    ),
    "hot_underheat": lambda water, _: water.hot_celsius < water.hot_setpoint - _UNDERHEAT_KELVIN,
    "cold_fail": lambda water, _: water.cold_celsius > water.cold_setpoint + _WARM_COLD_KELVIN,
    "hot_sensor": lambda _, faults: Fault.SENSOR in faults,
    "uv_lamp": lambda _, faults: Fault.UV_LAMP in faults,
    "inlet_lost": lambda _, faults: Fault.DRY_RUN in faults,
}

_STATES: Mapping[str, Reading] = {
    "power": lambda _water, _faults: True,
    "heater": lambda water, _: water.heater,
    "compressor": lambda water, _: water.compressor,
    "uv": lambda water, _: water.uv,
    "pump": lambda water, faults: water.filling or Fault.DRY_RUN in faults,
    "inlet_valve": lambda water, _: water.filling,
    "sterilizing": lambda water, _: water.sterilizing_seconds > 0,
    "child_lock": lambda _water, _faults: True,
}


def _error_code(water: Water, faults: Collection[Fault]) -> int:
    return next((code for code, active in enumerate(_FAULT_BITS.values(), 1) if active(water, faults)), 0)


def _series(metric: Metric, **labels: str) -> Series:
    return metric.name, tuple(sorted(labels.items()))


READINGS: Mapping[Series, Reading] = {
    _series(catalogue.DISPENSER_MAP_VERSION, version=""): lambda _water, _faults: MAP_VERSION,
    _series(catalogue.DISPENSER_WATER_TEMPERATURE, outlet="hot"): lambda water, faults: (
        None if Fault.SENSOR in faults else water.hot_celsius
    ),
    _series(catalogue.DISPENSER_WATER_TEMPERATURE, outlet="warm"): lambda water, _: (
        (water.hot_celsius + water.cold_celsius) / 2
    ),
    _series(catalogue.DISPENSER_WATER_TEMPERATURE, outlet="cold"): lambda water, _: water.cold_celsius,
    _series(catalogue.DISPENSER_WATER_TEMPERATURE, outlet="inlet"): lambda water, _: water.inlet_celsius,
    _series(catalogue.DISPENSER_SETPOINT, outlet="hot"): lambda water, _: water.hot_setpoint,
    _series(catalogue.DISPENSER_SETPOINT, outlet="cold"): lambda water, _: water.cold_setpoint,
    _series(catalogue.DISPENSER_AMBIENT_TEMPERATURE): lambda water, _: water.ambient_celsius,
    _series(catalogue.DISPENSER_TDS, point="inlet"): lambda water, _: water.tds_inlet,
    _series(catalogue.DISPENSER_TDS, point="outlet"): _outlet_tds,
    _series(catalogue.DISPENSER_TURBIDITY): lambda _, faults: _CLOUDY_NTU if Fault.FILTER in faults else _CLEAR_NTU,
    _series(catalogue.DISPENSER_TANK_LEVEL, tank="hot"): lambda water, _: water.hot_level,
    _series(catalogue.DISPENSER_TANK_LEVEL, tank="cold"): lambda water, _: water.cold_level,
    _series(catalogue.DISPENSER_INLET_PRESSURE): _inlet_pascals,
    **{_series(catalogue.DISPENSER_STATE, state=name): reading for name, reading in _STATES.items()},
    **{_series(catalogue.DISPENSER_FAULT, fault=name): reading for name, reading in _FAULT_BITS.items()},
    _series(catalogue.DISPENSER_ERROR_CODE): _error_code,
    **{_series(catalogue.DISPENSER_FILTER_LIFE, stage=str(stage)): _filter_life(stage) for stage in (1, 2, 3, 4)},
    _series(catalogue.DISPENSER_UV_LIFE): lambda water, _: water.uv_life,
    _series(catalogue.DISPENSER_FILTER_INSTALLED, stage="ro"): lambda water, _: water.filter_seconds,
    **{_series(catalogue.DISPENSER_DISPENSED, outlet=name): _dispensed(name) for name in ("hot", "warm", "cold")},
    _series(catalogue.DISPENSER_FILTERED): lambda water, _: water.filtered,
    _series(catalogue.DISPENSER_REJECTED): lambda water, _: water.rejected,
    _series(catalogue.DISPENSER_ENERGY): lambda water, _: water.joules,
    _series(catalogue.DISPENSER_HEATER_ON): lambda water, _: water.heater_seconds,
    _series(catalogue.DISPENSER_COMPRESSOR_ON): lambda water, _: water.compressor_seconds,
    _series(catalogue.DISPENSER_UV_ON): lambda water, _: water.uv_seconds,
    _series(catalogue.DISPENSER_DISPENSES): lambda water, _: water.dispenses,
    _series(catalogue.DISPENSER_STERILIZATIONS): lambda water, _: water.sterilizations,
    _series(catalogue.DISPENSER_LAST_STERILIZATION): lambda water, _: water.last_sterilization,
    _series(catalogue.DISPENSER_LAST_MAINTENANCE): lambda water, _: water.last_maintenance,
}
"""Every series that the simulated dispenser knows."""
