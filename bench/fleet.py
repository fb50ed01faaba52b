"""The simulated fleet that every candidate reads: a process of its own, whose gateways count what comes over them."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.process import Process, running_process
from exporters.dispenser.address import DeviceAddress, Gateway
from exporters.dispenser.inventory import Dispenser, load_inventory
from tapwatch.web import free_port


@dataclass(frozen=True)
class Traffic:
    """What went over the gateways' network side, all together."""

    connections: int
    requests: int
    bytes: int

    def __sub__(self, before: "Traffic") -> "Traffic":
        return Traffic(
            self.connections - before.connections, self.requests - before.requests, self.bytes - before.bytes
        )


@dataclass(frozen=True)
class SerialLine:
    """The line behind each gateway; the gateway itself is reached over TCP."""

    baudrate: int = 9600
    turnaround_milliseconds: int = 20

    @property
    def options(self) -> list[str]:
        """For the simulation's command line."""
        return [f"--baudrate={self.baudrate}", f"--turnaround={self.turnaround_milliseconds}ms"]


@dataclass(frozen=True)
class Fleet:
    """The running simulation."""

    url: str
    inventory: Path
    dispensers: tuple[Dispenser, ...]
    addresses: tuple[DeviceAddress, ...]
    """Of every unit, one gateway after the other."""
    process: Process

    @property
    def gateways(self) -> tuple[Gateway, ...]:
        """Each once, in order."""
        return tuple(dict.fromkeys(one.gateway for one in self.addresses))

    async def traffic(self) -> Traffic:
        """All of it since the fleet was started."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/gateways", raise_for_status=True) as answer,
        ):
            gateways = await answer.json()
        totals = {key: sum(one[key] for one in gateways) for key in gateways[0] if key != "gateway"}
        return Traffic(totals["connections"], totals["requests"], totals["bytes_in"] + totals["bytes_out"])

    async def silence(self, dispenser: str) -> None:
        """From now on the unit does not answer."""
        url = f"{self.url}/dispensers/{dispenser}/faults/offline"
        async with aiohttp.ClientSession() as session, session.post(url, raise_for_status=True):
            pass


@asynccontextmanager
async def running_fleet(
    folder: Path, dispensers: int, units_per_gateway: int, line: SerialLine | None = None
) -> AsyncIterator[Fleet]:
    """Modbus TCP only, since modbus_exporter knows nothing else; without a `line` answers come at once.

    Raises TapwatchError.
    """
    url, inventory = f"http://127.0.0.1:{free_port()}", folder / "dispensers.yaml"
    command = [
        *(sys.executable, "-m", "tapwatch", "simulate", f"--dispensers={dispensers}", "--rtu-share=0"),
        *(f"--units-per-gateway={units_per_gateway}", "--modbus-port=0", f"--inventory={inventory}"),
        *(f"--web.listen-address={url.removeprefix('http://')}", *(line.options if line is not None else ())),
    ]
    async with running_process(command, f"{url}/-/ready") as process:
        found = tuple(load_inventory([inventory], None).dispensers)
        yield Fleet(url, inventory, found, tuple(one.address for one in found), process)
