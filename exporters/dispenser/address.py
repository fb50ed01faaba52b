"""A dispenser's address: one string that names the gateway, or the serial line, and the unit behind it."""

import posixpath
import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Literal
from urllib.parse import parse_qsl

Transport = Literal["tcp", "tls", "rtu+tcp", "serial"]
Parity = Literal["N", "E", "O"]

LARGEST_PORT = 65535
LARGEST_UNIT = 255

_BAUDRATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
_LARGEST_TIMED_BAUDRATE = 19200
_OPTIONS = {"baudrate": tuple(map(str, _BAUDRATES)), "parity": ("N", "E", "O"), "stopbits": ("1", "2")}

USUAL_PORTS: dict[Transport, int] = {"tcp": 502, "tls": 802}
"""Registered for Modbus TCP and for Modbus/TCP Security; RTU over TCP has none."""

_NETWORK = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_NUMERIC = re.compile(r"[0-9.]+")
_SERIAL = re.compile(r"(?P<device>/[A-Za-z0-9._/+:-]+)(?:\?(?P<options>.*))?")
_UNIT = re.compile(r"(?P<gateway>.*)/(?P<unit>[0-9]{1,3})")

_RIGHT = (
    "right would be HOST[:PORT]/UNIT, as 10.0.5.7:502/17, tls://HOST[:PORT]/UNIT, rtu+tcp://HOST:PORT/UNIT "
    "or serial:///dev/ttyX?baudrate=9600&parity=E/UNIT"
)


@dataclass(frozen=True)
class SerialSettings:
    """How a serial line is set. The default is the standard's: Modbus over Serial Line V1.02, section 2.5.1."""

    baudrate: int = 19200
    parity: Parity = "E"
    stopbits: int = 1

    @property
    def character_seconds(self) -> float:
        """Time of one character on the line: start bit, eight data bits, parity and stop bits."""
        return (9 + (self.parity != "N") + self.stopbits) / self.baudrate

    @property
    def silence_seconds(self) -> float:
        """The pause that ends a frame: 3.5 characters, 1.75 ms above 19200 baud (V1.02, section 2.5.1.1)."""
        return 3.5 * self.character_seconds if self.baudrate <= _LARGEST_TIMED_BAUDRATE else 0.00175

    def __str__(self) -> str:
        return f"baudrate={self.baudrate}&parity={self.parity}&stopbits={self.stopbits}"


@dataclass(frozen=True)
class Gateway:
    """Where the connection goes: a Modbus TCP device, a gateway with units behind it, or a serial line."""

    transport: Transport
    host: str
    """The host's name or address; the device's path for a serial line."""
    port: int = 0
    """0 for a serial line."""
    serial: SerialSettings | None = None

    def __str__(self) -> str:
        if self.serial is not None:
            return f"serial://{self.host}?{self.serial}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        prefix = "" if self.transport == "tcp" else f"{self.transport}://"
        return f"{prefix}{host}:{self.port}"


@dataclass(frozen=True)
class DeviceAddress:
    """One unit behind one gateway."""

    gateway: Gateway
    unit: int

    def __str__(self) -> str:
        return f"{self.gateway}/{self.unit}"


def parse_address(text: str) -> DeviceAddress:
    """`10.0.5.7/17`, `tls://plc.example/1`, `rtu+tcp://10.0.5.7:4001/17` or `serial:///dev/ttyS0?baudrate=9600/17`.

    Raises ValueError with what would be right.
    """
    match = _UNIT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a dispenser's address; {_RIGHT}")
    gateway, unit = parse_gateway(match["gateway"], text), int(match["unit"])
    if unit > LARGEST_UNIT:
        raise ValueError(f"{text!r}: unit {unit} is not between 0 and {LARGEST_UNIT}")
    return DeviceAddress(gateway, unit)


def parse_gateway(text: str, whole: str | None = None) -> Gateway:
    """An address without its `/UNIT`; raises ValueError, which quotes `whole`, with what would be right."""
    whole = whole or text
    scheme, separator, rest = text.partition("://")
    match scheme if separator else "":
        case "":
            return _parse_network(whole, "tcp", text)
        case "serial":
            return _parse_serial(whole, rest)
        case "tls" | "rtu+tcp" as transport:
            return _parse_network(whole, transport, rest)
    raise ValueError(f"{whole!r}: unknown scheme {scheme!r}; {_RIGHT}")


def _parse_network(whole: str, transport: Transport, text: str) -> Gateway:
    match = _NETWORK.fullmatch(text)
    if match is None:
        raise ValueError(f"{whole!r} is not a dispenser's address; {_RIGHT}")
    usual = USUAL_PORTS.get(transport)
    if match["port"] is None and usual is None:
        raise ValueError(f"{whole!r}: {transport} has no usual port, so it must be given; {_RIGHT}")
    port = int(match["port"] or usual or 0)
    if not 0 < port <= LARGEST_PORT:
        raise ValueError(f"{whole!r}: port {port} is not between 1 and {LARGEST_PORT}")
    try:
        host = _one_spelling(match["host"].strip("[]"))
    except ValueError as error:
        raise ValueError(f"{whole!r}: {error}; {_RIGHT}") from error
    return Gateway(transport, host, port)


def _one_spelling(host: str) -> str:
    """The same for each way to write an address or a name; raises ValueError for what only looks like an address.

    Resolvers take 1 for 0.0.0.1, and 10.7 for 10.0.0.7.
    """
    if ":" not in host and not _NUMERIC.fullmatch(host):
        return host.lower()
    address = ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _parse_serial(whole: str, text: str) -> Gateway:
    match = _SERIAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{whole!r} is not a serial line's address; {_RIGHT}")
    options = dict(parse_qsl(match["options"] or "", keep_blank_values=True))
    settings: dict[str, Any] = {}
    for name, value in options.items():
        if name not in _OPTIONS:
            raise ValueError(f"{whole!r}: unknown option {name!r}; a serial line has {', '.join(_OPTIONS)}")
        if value not in _OPTIONS[name]:
            raise ValueError(f"{whole!r}: {name} {value!r} is not one of {', '.join(_OPTIONS[name])}")
        settings[name] = value if name == "parity" else int(value)
    device = posixpath.normpath("/" + match["device"].lstrip("/"))
    return Gateway("serial", device, 0, SerialSettings(**settings))
