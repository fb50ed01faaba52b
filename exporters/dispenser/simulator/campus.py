"""The campus: buildings full of dispensers, the gateways that they hang on, and the time that passes for them."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path

import yaml

from exporters.dispenser.address import LARGEST_PORT, DeviceAddress, Gateway, Transport
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.gateway import SimulatedGateway
from exporters.dispenser.simulator.registers import Registers
from exporters.dispenser.simulator.unit import Unit
from tapwatch.errors import TapwatchError

HOST = "127.0.0.1"

_ROUND_SECONDS, _ROUND_PARTS = 1.0, 50
"""Time passes for every unit once in a round; the work is spread over it, so that answers never wait for all of it."""

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
class Layout:
    """How large the campus is, and how it is wired."""

    dispensers: int = 24
    units_per_gateway: int = 8
    rtu_share: float = 0.25
    """The share of gateways that pass RTU frames over TCP."""
    modbus_port: int = 0
    """The first gateway's port, the next ones following, taken ones left out; 0 for any free ones."""
    speed: float = 1.0
    """Simulated seconds a second; 0 stops the time."""
    seed: int = 1
    slow_seconds: float = 3.0
    """How late the answers of a unit with the fault `slow` are."""


@dataclass(frozen=True)
class SimulatedDispenser:
    """One dispenser and where it stands."""

    name: str
    site: str
    building: str
    floor: str
    unit: Unit
    gateway: SimulatedGateway

    @property
    def entry(self) -> dict[str, str]:
        """Its line in the exporter's inventory."""
        return {
            "name": self.name,
            "site": self.site,
            "building": self.building,
            "floor": self.floor,
            "module": "default",
            "address": str(self.unit.address),
        }


class Campus:
    """The running simulation."""

    def __init__(self, layout: Layout, clock: Callable[[], float]) -> None:
        self.dispensers: Mapping[str, SimulatedDispenser]
        self.gateways: list[SimulatedGateway] = []
        self._layout = layout
        self._clock = clock
        self._began = clock()
        self.dispensers = {one.name: one for one in self._build()}

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, layout: Layout, clock: Callable[[], float] = time.time) -> AsyncIterator["Campus"]:
        """Every gateway listening, and time passing, while the context lasts; `clock` tells the Unix time.

        Raises TapwatchError when there are not enough free ports.
        """
        campus = cls(layout, clock)
        try:
            for gateway in campus.gateways:
                await gateway.start()
            ticking = asyncio.create_task(campus._tick())
            try:
                yield campus
            finally:
                ticking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ticking
        finally:
            for gateway in campus.gateways:
                await gateway.stop()

    @property
    def now(self) -> float:
        """The simulation's Unix time, which runs `speed` times as fast as ours."""
        return self._began + (self._clock() - self._began) * self._layout.speed

    async def inject(self, name: str, fault: Fault) -> None:
        """The fault is there before this returns. Raises KeyError for an unknown dispenser."""
        dispenser = self.dispensers[name]
        dispenser.unit.faults.add(fault)
        await dispenser.gateway.follow_faults()

    async def clear(self, name: str, fault: Fault | None = None) -> None:
        """The fault, or all of a dispenser's, are gone before this returns. Raises KeyError for an unknown one."""
        dispenser = self.dispensers[name]
        dispenser.unit.faults -= set(Fault) if fault is None else {fault}
        await dispenser.gateway.follow_faults()

    def write_inventory(self, file: Path) -> None:
        """Write `dispensers.yaml` for the exporter, whole or not at all; raises TapwatchError."""
        entries = {"dispensers": [one.entry for one in self.dispensers.values()]}
        scratch = file.with_name(f"{file.name}.part")
        try:
            scratch.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
            scratch.replace(file)
        except OSError as error:
            raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error

    async def _tick(self) -> None:
        units = [one.unit for one in self.dispensers.values()]
        size = -(-len(units) // _ROUND_PARTS)
        for first in cycle(range(0, len(units), size)):
            await asyncio.sleep(_ROUND_SECONDS * size / len(units))
            for unit in units[first : first + size]:
                unit.advance()

    def _build(self) -> Iterator[SimulatedDispenser]:
        layout, registers, places = self._layout, Registers(load_maps([])["default"]), _places()
        ports = _free_ports(-(-layout.dispensers // layout.units_per_gateway), layout.modbus_port)
        for number, port in enumerate(ports):
            gateway = Gateway(_transport(number, layout.rtu_share), HOST, port)
            units: dict[int, Unit] = {}
            simulated = SimulatedGateway(gateway, units, layout.slow_seconds)
            self.gateways.append(simulated)
            size = min(layout.units_per_gateway, layout.dispensers - number * layout.units_per_gateway)
            for unit_number in range(1, size + 1):
                chance = random.Random(f"{layout.seed}-{number}-{unit_number}")  # noqa: S311 - a simulation, repeatable
                unit = Unit(DeviceAddress(gateway, unit_number), registers, chance, lambda: self.now)
                units[unit_number] = unit
                yield SimulatedDispenser(*next(places), unit, simulated)


def _places() -> Iterator[tuple[str, str, str, str]]:
    """(name, site, building, floor) of one dispenser after the other, without end."""
    number = 0
    while True:
        site = _SITES[number] if number < len(_SITES) else f"site-{number + 1}"
        prefix = "" if number == 0 else f"{site}-"
        for (building, short), floor, wing in product(_BUILDINGS.items(), _FLOORS, _WINGS):
            yield f"{prefix}{short}-{floor}f-{wing}", site, building, floor
        number += 1


def _transport(number: int, rtu_share: float) -> Transport:
    """Spread the RTU gateways evenly."""
    return "rtu+tcp" if round((number + 1) * rtu_share) > round(number * rtu_share) else "tcp"


def _free_ports(count: int, first: int) -> list[int]:
    """Ports that nothing listens on, from `first` on or any; raises TapwatchError when there are not enough.

    All are held until the last one is found, as the kernel would give a released one again.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for wanted in [0] * count if first == 0 else range(first, LARGEST_PORT + 1):
            if len(ports) == count:
                break
            with contextlib.suppress(OSError):
                probe = held.enter_context(socket.socket())
                # A port of a simulation that has just ended is free, whatever still lingers on it.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(wanted != 0))
                probe.bind((HOST, wanted))
                ports.append(probe.getsockname()[1])
    if len(ports) < count:
        where = f" from {first} on" if first else ""
        raise TapwatchError(f"there are only {len(ports)} free ports{where} for {count} gateways")
    return ports
