"""Requests and bytes for one scrape, beside the theoretical least, for maps with gaps and devices that refuse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
import yaml
from rich.table import Table

from bench.candidate import probe_path, running_candidate, tapwatch
from bench.layouts import LAYOUTS, Device, Layout
from bench.least import TCP, Exchanges, Wire, least, rtu
from bench.load import devices_up
from bench.run import Part, Run, figures_table
from bench.scrape import Scraper
from exporters.dispenser.address import DeviceAddress, Gateway
from exporters.dispenser.mapfile import BUILT_IN, load_maps
from exporters.dispenser.registermap import RegisterMap
from exporters.dispenser.simulator.gateway import SimulatedGateway
from exporters.dispenser.simulator.settings import GatewaySettings
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table
from tapwatch.web import free_port

_WIRES = (TCP, rtu(9600, 0.02))
_LEARNING_SCRAPES = 5
"""Enough to learn what a device refuses."""


@dataclass(frozen=True)
class _Case:
    """One map on one wire."""

    title: str
    map: RegisterMap
    wire: Wire
    layout: Layout | None
    """None for a device that has just what the map names."""
    due: RegisterMap
    """What of the map a later scrape must read."""


@dataclass(frozen=True)
class _Result:
    case: _Case
    first: Exchanges
    """When nothing is known of the device."""
    later: Exchanges
    least: Exchanges


@click.command("exchanges")
@click.pass_obj
def command(run: Run) -> None:
    """Requests and bytes for one scrape, beside the theoretical least."""
    with run.part("exchanges") as part:
        print_table(_table(asyncio.run(_read_all(part))))


async def _read_all(part: Part) -> list[_Result]:
    cases, files = _cases(part.folder)
    part.tell(f"reading {len(cases)} devices")
    async with (
        running_candidate(tapwatch(maps=files), part.folder) as running,
        Scraper(running.url) as scraper,
    ):
        return [await _read(scraper, case) for case in cases]


def _cases(folder: Path) -> tuple[list[_Case], list[Path]]:
    """The built-in maps and the layouts, on every wire; with the files of the maps that are not built in."""
    cases: list[_Case] = []
    files: list[Path] = []
    for name, one in load_maps([]).items():
        files.append(_write_whole(name, folder))
        whole = _load(files[-1])
        due = replace(one, values=tuple(value for value in one.values if value.refresh == "always"))
        cases += [_Case(name, whole, wire, None, whole) for wire in _WIRES]
        if len(due.values) < len(one.values):
            cases += [_Case(f"{name}, slow values kept", one, wire, None, due) for wire in _WIRES]
    for layout in LAYOUTS:
        for wire in _WIRES:
            files.append(layout.write(folder, wire))
            one = _load(files[-1])
            cases.append(_Case(layout.name, one, wire, layout, one))
    return cases, files


def _write_whole(name: str, folder: Path) -> Path:
    """The built-in map, as if every value were to be read at every scrape."""
    content = yaml.safe_load((BUILT_IN / f"{name}.yaml").read_text(encoding="utf-8"))
    content.pop("max_age", None)
    for register in content["registers"]:
        register.pop("refresh", None)
    file = folder / f"whole-{name}.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def _load(file: Path) -> RegisterMap:
    return load_maps([file])[file.stem]


async def _read(scraper: Scraper, case: _Case) -> _Result:
    async with _running_device(case) as (device, gateway):
        path = str(probe_path(device.address, case.map.name))
        first = await _count(scraper, path, gateway)
        for _ in range(_LEARNING_SCRAPES):
            await _count(scraper, path, gateway)
        later = await _count(scraper, path, gateway)
        return _Result(case, first, later, least(case.due, case.wire, device.may_read))


@asynccontextmanager
async def _running_device(case: _Case) -> AsyncIterator[tuple[Device, SimulatedGateway]]:
    """One device behind a gateway of its own."""
    address = DeviceAddress(Gateway("rtu+tcp" if case.wire.serial else "tcp", "127.0.0.1", free_port()), 1)
    device = Device(address, case.map, case.layout)
    gateway = SimulatedGateway(address.gateway, {1: device}, GatewaySettings())
    await gateway.start()
    try:
        yield device, gateway
    finally:
        await gateway.stop()


async def _count(scraper: Scraper, path: str, gateway: SimulatedGateway) -> Exchanges:
    """What one scrape put on the line."""
    before = Exchanges(gateway.traffic.requests, gateway.traffic.bytes_in + gateway.traffic.bytes_out)
    answer = (await scraper.get(path)).answer
    if devices_up(answer) != 1:
        raise TapwatchError(f"{path} was not read:\n{answer.body.decode()[:500]}")
    after = gateway.traffic
    return Exchanges(after.requests - before.requests, after.bytes_in + after.bytes_out - before.bytes)


def _table(results: list[_Result]) -> Table:
    table = figures_table(
        "Requests and bytes for one scrape",
        "map",
        *("line", "first scrape", "requests", "least", "bytes", "least", "ratio", "line time to least"),
    )
    for one in results:
        wire, later, best = one.case.wire, one.later, one.least
        seconds = f"{wire.seconds(later) / wire.seconds(best):.2f}" if wire.serial else "-"
        counts = (one.first.requests, later.requests, best.requests, later.bytes, best.bytes)
        table.add_row(one.case.title, wire.name, *map(str, counts), f"{later.bytes / best.bytes:.2f}", seconds)
    return table
