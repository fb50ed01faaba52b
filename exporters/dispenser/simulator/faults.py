"""The faults that can be injected into a simulated dispenser, and cleared again while it runs."""

from enum import StrEnum


class Fault(StrEnum):
    """What can go wrong, in the device or on the line to it."""

    LEAK = "leak"
    OVERFLOW = "overflow"
    DRY_RUN = "dry_run"
    OVERHEAT = "overheat"
    UNDERHEAT = "underheat"
    COLD = "cold"
    FILTER = "filter"
    UV_LAMP = "uv_lamp"
    WATER_QUALITY = "water_quality"
    SENSOR = "sensor"
    IDENTITY = "identity"
    OFFLINE = "offline"
    SLOW = "slow"
    GARBAGE = "garbage"
    WRONG_UNIT = "wrong_unit"
    BUSY = "busy"
    GATEWAY_OFFLINE = "gateway_offline"


DESCRIPTIONS: dict[Fault, str] = {
    Fault.LEAK: "water stands in the drip tray: the leak bit is set",
    Fault.OVERFLOW: "the inlet valve does not close: the tank overflows",
    Fault.DRY_RUN: "no water comes in: the tank runs empty and the pump runs dry",
    Fault.OVERHEAT: "the thermostat sticks: the heater stays on until the water boils",
    Fault.UNDERHEAT: "the heater is broken: the hot tank cools down",
    Fault.COLD: "the compressor is broken: the cold tank warms up",
    Fault.FILTER: "every filter stage is worn out",
    Fault.UV_LAMP: "the UV lamp is dark",
    Fault.WATER_QUALITY: "the membrane is torn: dissolved solids pass through",
    Fault.SENSOR: "the hot water sensor is broken: its register says not available",
    Fault.IDENTITY: "the device says that it is of another model",
    Fault.OFFLINE: "the unit is silent",
    Fault.SLOW: "the unit answers late, after --slow-seconds",
    Fault.GARBAGE: "noise on the line: answers arrive with flipped bits",
    Fault.WRONG_UNIT: "answers carry another unit's number",
    Fault.BUSY: "the unit refuses every request as busy (Modbus exception 6)",
    Fault.GATEWAY_OFFLINE: "the gateway refuses connections: all its units are gone",
}
