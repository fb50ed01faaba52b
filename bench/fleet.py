"""The simulated fleet that every candidate reads: a process of its own, whose gateways count what comes over them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.inventory import load_inventory
from tapwatch.errors import TapwatchError
from tapwatch.web import free_port

_START_SECONDS = 30.0


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
class Fleet:
    """The running simulation."""

    url: str
    addresses: tuple[DeviceAddress, ...]

    async def traffic(self, session: aiohttp.ClientSession) -> Traffic:
        """All of it since the fleet was started."""
        async with session.get(f"{self.url}/gateways", raise_for_status=True) as answer:
            gateways = await answer.json()
        totals = {key: sum(one[key] for one in gateways) for key in gateways[0] if key != "gateway"}
        return Traffic(totals["connections"], totals["requests"], totals["bytes_in"] + totals["bytes_out"])


@asynccontextmanager
async def running_fleet(folder: Path, dispensers: int, units_per_gateway: int) -> AsyncIterator[Fleet]:
    """Modbus TCP only, since modbus_exporter knows nothing else. Raises TapwatchError."""
    url = f"http://127.0.0.1:{free_port()}"
    inventory = folder / "dispensers.yaml"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tapwatch", "simulate", f"--dispensers={dispensers}", "--rtu-share=0"),
        *(f"--units-per-gateway={units_per_gateway}", "--modbus-port=0", f"--inventory={inventory}"),
        f"--web.listen-address={url.removeprefix('http://')}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await wait_until_it_answers(f"{url}/-/ready", process)
        found = load_inventory([inventory], None)
        yield Fleet(url, tuple(one.address for one in found.dispensers))
    finally:
        process.terminate()
        await process.wait()


async def wait_until_it_answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Until `url` answers anything; raises TapwatchError when the process ends, or does not answer in time."""
    async with aiohttp.ClientSession() as session:
        for _ in range(int(_START_SECONDS / 0.1)):
            if process.returncode is not None:
                raise TapwatchError(f"the process for {url} ended with status {process.returncode}")
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
    raise TapwatchError(f"nothing answers at {url}")
