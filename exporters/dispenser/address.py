"""A dispenser's address: one string that names the gateway and the unit behind it."""

import re
from dataclasses import dataclass
from typing import Literal

Framing = Literal["tcp", "rtu+tcp"]

DEFAULT_PORT = 502
LARGEST_PORT = 65535
LARGEST_UNIT = 255

_TCP = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/(?P<unit>[0-9]{1,3})")
_RIGHT = "right would be HOST[:PORT]/UNIT, as 10.0.5.7:502/17, or rtu+tcp://HOST:PORT/UNIT"


@dataclass(frozen=True)
class Gateway:
    """Where the connection goes: a Modbus TCP device, or a gateway with units behind it."""

    framing: Framing
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        prefix = "" if self.framing == "tcp" else f"{self.framing}://"
        return f"{prefix}{host}:{self.port}"


@dataclass(frozen=True)
class DeviceAddress:
    """One unit behind one gateway."""

    gateway: Gateway
    unit: int

    def __str__(self) -> str:
        return f"{self.gateway}/{self.unit}"


def parse_address(text: str) -> DeviceAddress:
    """`10.0.5.7/17`, `10.0.5.7:502/17` or `rtu+tcp://10.0.5.7:4001/17`; raises ValueError with what would be right."""
    scheme, separator, rest = text.partition("://")
    if scheme == "serial":
        raise ValueError(f"{text!r}: serial lines are not read yet; put a gateway in front and use rtu+tcp://")
    if separator and scheme != "rtu+tcp":
        raise ValueError(f"{text!r}: unknown scheme {scheme!r}; {_RIGHT}")
    match = _TCP.fullmatch(rest if separator else text)
    if match is None:
        raise ValueError(f"{text!r} is not a dispenser's address; {_RIGHT}")
    if separator and match["port"] is None:
        raise ValueError(f"{text!r}: rtu+tcp has no usual port, so it must be given; {_RIGHT}")
    port, unit = int(match["port"] or DEFAULT_PORT), int(match["unit"])
    if not 0 < port <= LARGEST_PORT:
        raise ValueError(f"{text!r}: port {port} is not between 1 and {LARGEST_PORT}")
    if unit > LARGEST_UNIT:
        raise ValueError(f"{text!r}: unit {unit} is not between 0 and {LARGEST_UNIT}")
    return DeviceAddress(Gateway("rtu+tcp" if separator else "tcp", match["host"].strip("[]"), port), unit)
