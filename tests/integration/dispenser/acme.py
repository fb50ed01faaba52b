"""A dispenser of another make, the Acme A1 of docs/register-maps.md, by its own holding registers alone."""

from laboratory.modbus.plant import Registers

UNIT = 17

_MODEL, _HEATING = 0x4131, 0x0100
_FARAWAY: Registers = {"i60000": [0], "c60000": [0], "d60000": [0]}
"""The server wants some of each kind."""

REGISTERS: Registers = {
    "h0": [_MODEL, _HEATING],
    "h10": [953, 80],
    "h20": [0x86A0, 0x0001],
    "h24": [0x0000, 0x3E80],
    "h30": [0, 17],
    **_FARAWAY,
}
