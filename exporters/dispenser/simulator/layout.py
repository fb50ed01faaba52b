"""How large the campus is, how it is wired, and where its dispensers stand."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from exporters.dispenser.address import Transport
from exporters.dispenser.simulator.settings import GatewaySettings
from exporters.dispenser.simulator.traits import Traits

_SITES = ("main-campus", "north-campus", "south-campus", "hospital", "harbour")
_BUILDINGS = {
    "library": "lib",
    "engineering": "eng",
    "science": "sci",
    "dormitory-a": "dorm-a",
    "dormitory-b": "dorm-b",
    "gymnasium": "gym",
}
_FLOORS = ("1", "2", "3", "4")
_WINGS = ("east", "west")


@dataclass(frozen=True)
class Layout(GatewaySettings):
    """The campus, and what all its gateways have in common."""

    dispensers: int = 24
    units_per_gateway: int = 8
    rtu_share: float = 0.25
    """The share of gateways that pass RTU frames over TCP."""
    tls_share: float = 0.0
    """The share of gateways that speak Modbus TCP within TLS."""
    serial_lines: int = 0
    """The last so many gateways are serial lines instead: pseudo-terminals."""
    modbus_host: str = "127.0.0.1"
    """The address of this machine that the gateways listen on."""
    modbus_port: int = 0
    """The first gateway's port, the next ones following, taken ones left out; 0 for any free ones."""
    speed: float = 1.0
    """Simulated seconds a second; 0 stops the time."""
    seed: int = 1
    traits: Traits = field(default_factory=Traits)
    """Every device's at the start."""

    @property
    def gateways(self) -> int:
        """How many that makes, serial lines among them."""
        return -(-self.dispensers // self.units_per_gateway)

    def transports(self) -> Iterator[Transport]:
        """Each gateway's, every kind spread evenly."""
        sockets, plain = max(0, self.gateways - self.serial_lines), 0
        for number in range(sockets):
            if _falls(number, self.rtu_share):
                yield "rtu+tcp"
            else:
                yield "tls" if _falls(plain, self.tls_share / (1 - self.rtu_share)) else "tcp"
                plain += 1
        for _ in range(sockets, self.gateways):
            yield "serial"


def places() -> Iterator[tuple[str, str, str, str]]:
    """(name, site, building, floor) of one dispenser after the other, without end."""
    number = 0
    while True:
        site = _SITES[number] if number < len(_SITES) else f"site-{number + 1}"
        prefix = "" if number == 0 else f"{site}-"
        for (building, short), floor, wing in product(_BUILDINGS.items(), _FLOORS, _WINGS):
            yield f"{prefix}{short}-{floor}f-{wing}", site, building, floor
        number += 1


def _falls(number: int, share: float) -> bool:
    """Whether the one with this number, from 0 on, belongs to an evenly spread share of all."""
    return round((number + 1) * share) > round(number * share)
