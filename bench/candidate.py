"""The exporters that are compared: how each is started, and how it is asked for one dispenser."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from bench.peer import MODULE, peer_settings
from bench.process import Process, running_process
from exporters.dispenser.address import DeviceAddress, Gateway
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
    process: Process

    def probe_path(self, address: DeviceAddress) -> str:
        """Path and query of one dispenser's metrics."""
        return str(self.candidate.probe(address))


def probe_path(address: DeviceAddress, module: str = "default") -> URL:
    """How ours is asked for one dispenser."""
    return URL("/probe").with_query(target=str(address), module=module)


def gateway_path(gateway: Gateway) -> URL:
    """How ours is asked for all units of the inventory behind one gateway."""
    return URL("/gateway").with_query(target=str(gateway))


def tapwatch(inventory: Sequence[Path] = (), maps: Sequence[Path] = (), profile: Path | None = None) -> Candidate:
    """Ours, with a fleet and maps of its own; `profile` is the file for where its time went."""

    def command(folder: Path, address: str) -> list[str]:
        settings = folder / "exporter.yaml"
        files = {"inventory": [str(one) for one in inventory], "maps": [str(one) for one in maps]}
        settings.write_text(json.dumps(files), encoding="utf-8")
        sampled = ["bench.sampler", str(profile)] if profile is not None else ["tapwatch"]
        options = [f"--config.file={settings}", f"--web.listen-address={address}", "--log.level=error"]
        return [sys.executable, "-m", *sampled, "dispenser-exporter", *options]

    return Candidate("tapwatch", command, probe_path)


TAPWATCH = tapwatch()


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
    async with running_process(candidate.command(folder, address), f"http://{address}/") as process:
        yield RunningCandidate(candidate, URL(f"http://{address}"), process)
