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
    FLAPPING = "flapping"
    SLOW = "slow"
    LATE = "late"
    BUSY = "busy"
    GARBAGE = "garbage"
    BAD_CRC = "bad_crc"
    WRONG_UNIT = "wrong_unit"
    WRONG_FUNCTION = "wrong_function"
    WRONG_COUNT = "wrong_count"
    WRONG_TRANSACTION = "wrong_transaction"
    TRUNCATED = "truncated"
    DUPLICATE = "duplicate"
    INTERLEAVED = "interleaved"
    SPLIT = "split"
    GATEWAY_OFFLINE = "gateway_offline"
    HALF_OPEN = "half_open"
    RESTART = "restart"


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
    Fault.FLAPPING: "the unit is silent for --flap-seconds, back for as long, and so on",
    Fault.SLOW: "the unit answers late, after --slow-seconds",
    Fault.LATE: "answers come after --late-seconds, when the client has surely given up",
    Fault.BUSY: "the unit refuses every request as busy (Modbus exception 6)",
    Fault.GARBAGE: "noise on the line: answers arrive with flipped bits",
    Fault.BAD_CRC: "the checksum of RTU answers is wrong (Modbus TCP has none)",
    Fault.WRONG_UNIT: "answers carry another unit's number",
    Fault.WRONG_FUNCTION: "answers carry another function's code",
    Fault.WRONG_COUNT: "answers have another number of registers than was asked for",
    Fault.WRONG_TRANSACTION: "answers carry another transaction's id (RTU has none)",
    Fault.TRUNCATED: "the last bytes of answers are missing",
    Fault.DUPLICATE: "every answer comes twice",
    Fault.INTERLEAVED: "a frame of another unit comes before the right answer",
    Fault.SPLIT: "answers come byte by byte, --split-seconds apart",
    Fault.GATEWAY_OFFLINE: "the gateway refuses connections: all its units are gone",
    Fault.HALF_OPEN: "the gateway keeps its connections and answers nothing: all its units are silent",
    Fault.RESTART: "the gateway drops its connections and is back after --restart-seconds; clears itself",
}
