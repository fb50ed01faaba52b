"""The exporters that are compared: how each is started, and how it is asked for one dispenser."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from yarl import URL

from bench.fleet import wait_until_it_answers
from bench.peer import MODULE, peer_settings
from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.mapfile import load_maps
from tapwatch.web import free_port


@dataclass(frozen=True)
class Candidate:
    """One exporter."""

    name: str
    command: Callable[[Path, str], list[str]]
    """The command line, from a folder for its settings and the address to listen at."""
    probe: Callable[[DeviceAddress], URL]
    """The path and query that read one dispenser."""


@dataclass(frozen=True)
class RunningCandidate:
    """Its process."""

    candidate: Candidate
    url: URL
    process: psutil.Process

    def probe_url(self, address: DeviceAddress) -> URL:
        """Where to get one dispenser's metrics."""
        return self.url.join(self.candidate.probe(address))

    def cpu_seconds(self) -> float:
        """User and system time since it was started."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return int(self.process.memory_info().rss)


def _our_command(_folder: Path, address: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "tapwatch",
        "dispenser-exporter",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]


TAPWATCH = Candidate(
    "tapwatch",
    _our_command,
    lambda address: URL("/probe").with_query(target=str(address), module="default"),
)


def modbus_exporter(executable: Path) -> Candidate:
    """RichiH/modbus_exporter, with one metric for each series of our default map."""

    def command(folder: Path, address: str) -> list[str]:
        settings = folder / "modbus.yml"
        settings.write_text(peer_settings(load_maps([])["default"]), encoding="utf-8")
        return [str(executable), f"--config.file={settings}", f"--web.listen-address={address}", "--log.level=error"]

    def probe(address: DeviceAddress) -> URL:
        target = f"{address.gateway.host}:{address.gateway.port}"
        return URL("/modbus").with_query(target=target, module=MODULE, sub_target=str(address.unit))

    return Candidate("modbus_exporter", command, probe)


@asynccontextmanager
async def running_candidate(candidate: Candidate, folder: Path) -> AsyncIterator[RunningCandidate]:
    """Started, and answering. Raises TapwatchError."""
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *candidate.command(folder, address), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await wait_until_it_answers(f"http://{address}/", process)
        yield RunningCandidate(candidate, URL(f"http://{address}"), psutil.Process(process.pid))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
