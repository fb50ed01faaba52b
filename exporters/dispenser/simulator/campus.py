"""The campus: buildings full of dispensers, the gateways that they hang on, and the time that passes for them."""

import asyncio
import contextlib
import errno
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path

import yaml

from exporters.dispenser.address import LARGEST_PORT, DeviceAddress, Gateway, SerialSettings
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.simulator.certificates import CertificateAuthority
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.gateway import SimulatedGateway
from exporters.dispenser.simulator.layout import Layout, places
from exporters.dispenser.simulator.registers import Registers
from exporters.dispenser.simulator.serialport import SerialPort
from exporters.dispenser.simulator.unit import Unit
from tapwatch.errors import TapwatchError

_ROUND_SECONDS, _ROUND_PARTS = 1.0, 50
"""Time passes for every unit once in a round; the work is spread over it, so that answers never wait for all of it."""


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
        self.authority = CertificateAuthority() if layout.tls_share else None
        """Signs the certificates of the TLS gateways, where there are any."""
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
        if fault is Fault.FLAPPING:
            dispenser.unit.flapping_since = asyncio.get_running_loop().time()
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
        layout, registers, named = self._layout, _default_registers(), places()
        for number, simulated in enumerate(self._wire()):
            self.gateways.append(simulated)
            size = min(layout.units_per_gateway, layout.dispensers - number * layout.units_per_gateway)
            for unit_number in range(1, size + 1):
                chance = random.Random(f"{layout.seed}-{number}-{unit_number}")  # noqa: S311 - a simulation, repeatable
                address = DeviceAddress(simulated.gateway, unit_number)
                unit = Unit(address, registers, chance, lambda: self.now, layout.traits)
                simulated.units[unit_number] = unit
                yield SimulatedDispenser(*next(named), unit, simulated)

    def _wire(self) -> Iterator[SimulatedGateway]:
        """The gateways, still without units."""
        transports = list(self._layout.transports())
        wanted = sum(one != "serial" for one in transports)
        ports = iter(_free_ports(self._layout.modbus_host, wanted, self._layout.modbus_port))
        tls = self.authority.server_context(self._layout.modbus_host) if self.authority is not None else None
        for transport in transports:
            if transport == "serial":
                yield _serial_line(self._layout)
            else:
                gateway = Gateway(transport, self._layout.modbus_host, next(ports))
                yield SimulatedGateway(gateway, {}, self._layout, tls=tls if transport == "tls" else None)


@cache
def _default_registers() -> Registers:
    return Registers(load_maps([])["default"])


def _serial_line(layout: Layout) -> SimulatedGateway:
    """Pseudo-terminals have no parity; with two stop bits a character is as long as behind the gateways."""
    port = SerialPort()
    settings = SerialSettings(layout.baudrate or SerialSettings.baudrate, "N", 2)
    return SimulatedGateway(Gateway("serial", port.path, 0, settings), {}, layout, port=port)


def _free_ports(host: str, count: int, first: int) -> list[int]:
    """Ports that nothing listens on, from `first` on or any; raises TapwatchError when there are not enough.

    All are held until the last one is found, as the kernel would give a released one again.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for wanted in [0] * count if first == 0 else range(first, LARGEST_PORT + 1):
            if len(ports) == count:
                break
            try:
                probe = held.enter_context(socket.socket())
                # A port of a simulation that has just ended is free, whatever still lingers on it.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(wanted != 0))
                probe.bind((host, wanted))
                ports.append(probe.getsockname()[1])
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise TapwatchError(f"gateways cannot listen on {host}: {error.strerror}") from error
    if len(ports) < count:
        where = f" from {first} on" if first else ""
        raise TapwatchError(f"there are only {len(ports)} free ports{where} for {count} gateways")
    return ports
