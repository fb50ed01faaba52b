"""The campus: buildings full of dispensers, the gateways that they hang on, and the time that passes for them."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

from exporters.dispenser.address import DeviceAddress, Framing, Gateway
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.gateway import SimulatedGateway
from exporters.dispenser.simulator.unit import Unit
from tapwatch.errors import TapwatchError
from tapwatch.web import free_port

HOST = "127.0.0.1"
LARGEST_UNITS = 247
"""Unit numbers on one line: Modbus over Serial Line V1.02, section 2.2."""

_TICK_SECONDS = 1.0
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
    """The first gateway's port, the next ones following; 0 for any free ones."""
    speed: float = 1.0
    """Simulated seconds a second."""
    seed: int = 1


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

    def __init__(self, layout: Layout) -> None:
        self.dispensers: Mapping[str, SimulatedDispenser]
        self.gateways: list[SimulatedGateway] = []
        self._layout = layout
        self._began = time.time()
        self._clock = time.monotonic()
        self.dispensers = {one.name: one for one in self._build()}

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, layout: Layout) -> AsyncIterator["Campus"]:
        """Every gateway listening, and time passing, while the context lasts. Raises TapwatchError for a taken port."""
        campus = cls(layout)
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
        return self._began + (time.monotonic() - self._clock) * self._layout.speed

    async def inject(self, name: str, fault: Fault) -> None:
        """The fault is there before this returns. Raises KeyError for an unknown dispenser."""
        dispenser = self.dispensers[name]
        dispenser.unit.inject(fault)
        await dispenser.gateway.follow_faults()

    async def clear(self, name: str, fault: Fault | None = None) -> None:
        """The fault, or all of a dispenser's, are gone before this returns. Raises KeyError for an unknown one."""
        dispenser = self.dispensers[name]
        dispenser.unit.clear(fault)
        await dispenser.gateway.follow_faults()

    def write_inventory(self, file: Path) -> None:
        """Write `dispensers.yaml` for the exporter, whole or not at all."""
        entries = {"dispensers": [one.entry for one in self.dispensers.values()]}
        scratch = file.with_suffix(".part")
        scratch.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
        scratch.replace(file)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for one in self.dispensers.values():
                one.unit.advance(self.now)

    def _build(self) -> Iterator[SimulatedDispenser]:
        layout, register_map, places = self._layout, load_maps([])["default"], _places()
        for number in range(-(-layout.dispensers // layout.units_per_gateway)):
            gateway = Gateway(_framing(number, layout.rtu_share), HOST, _port(number, layout.modbus_port))
            units: dict[int, Unit] = {}
            simulated = SimulatedGateway(gateway, units)
            self.gateways.append(simulated)
            size = min(layout.units_per_gateway, layout.dispensers - number * layout.units_per_gateway)
            for unit_number in range(1, size + 1):
                chance = random.Random(f"{layout.seed}-{number}-{unit_number}")  # noqa: S311 - a simulation, repeatable
                unit = Unit(DeviceAddress(gateway, unit_number), register_map, chance, self._began)
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


def _framing(number: int, rtu_share: float) -> Framing:
    """Spread the RTU gateways evenly, the first one being TCP unless all are RTU."""
    return "rtu+tcp" if int((number + 1) * rtu_share) > int(number * rtu_share) else "tcp"


def _port(number: int, first: int) -> int:
    if first == 0:
        return free_port(HOST)
    if first + number > 65535:  # noqa: PLR2004 - the last port there is
        raise TapwatchError(f"there are not enough ports from {first} on")
    return first + number
