"""All units of one slow serial line scraped at once, beside the line's physical limit and modbus_exporter."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.table import Table

from bench.candidate import RunningCandidate, gateway_path, modbus_exporter, probe_path, running_candidate, tapwatch
from bench.fleet import Fleet, SerialLine, running_fleet
from bench.least import Exchanges, least, rtu
from bench.load import Tally
from bench.run import Part, Run, figures_table
from bench.scrape import TIMEOUT_SECONDS, Scraper
from exporters.dispenser.mapfile import load_maps
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table

_PEER_UNITS = 2
_PEER_SECONDS = 120.0
"""modbus_exporter is asked for few units, one after the other, and may take its time: it is scaled up."""


@dataclass(frozen=True)
class _Sweep:
    """Every unit read once."""

    name: str
    seconds: float
    devices: int
    note: str = ""


@click.command("line")
@click.option("--units", type=click.IntRange(1, 247), default=32, show_default=True)
@click.option("--baudrate", type=int, default=9600, show_default=True)
@click.option("--turnaround-milliseconds", type=int, default=20, show_default=True, help="How long a device thinks.")
@click.option("--sweeps", type=click.IntRange(1), default=2, show_default=True, help="The slowest one is shown.")
@click.pass_obj
def command(run: Run, units: int, sweeps: int, baudrate: int, turnaround_milliseconds: int) -> None:
    """All units of one serial line scraped at once, beside the line's limit."""
    line = SerialLine(baudrate, turnaround_milliseconds)
    with run.part("line") as part:
        done = asyncio.run(_sweep_all(part, run.modbus_exporter, line, (units, sweeps)))
        print_table(_table(line, units, done))


async def _sweep_all(part: Part, peer: Path | None, line: SerialLine, size: tuple[int, int]) -> list[_Sweep]:
    units, sweeps = size
    async with running_fleet(part.folder, units, units, line) as fleet:
        candidate = tapwatch([fleet.inventory], profile=part.profile("line"))
        async with running_candidate(candidate, part.folder) as running:
            probes = [str(probe_path(one)) for one in fleet.addresses]
            done = [await _slowest(part, running, "tapwatch, /probe for each unit", probes, sweeps)]
            whole = [str(gateway_path(one)) for one in fleet.gateways]
            done.append(await _slowest(part, running, "tapwatch, /gateway once", whole, sweeps))
        if peer is not None:
            done.append(await _scaled(part, peer, fleet))
    return done


async def _slowest(part: Part, running: RunningCandidate, name: str, paths: Sequence[str], sweeps: int) -> _Sweep:
    """Of several sweeps after one to warm up."""
    part.tell(f"{name}, {sweeps + 1} times")
    async with Scraper(running.url) as scraper:
        await _sweep(scraper, name, paths)
        done = [await _sweep(scraper, name, paths) for _ in range(sweeps)]
    return max(done, key=lambda one: one.seconds)


async def _sweep(scraper: Scraper, name: str, paths: Sequence[str]) -> _Sweep:
    """All at once; a scrape that fails is no device read."""
    tally, started = Tally(), time.perf_counter()
    for result in await asyncio.gather(*(scraper.get(path) for path in paths), return_exceptions=True):
        if isinstance(result, TapwatchError):
            tally.missed += 1
        elif isinstance(result, BaseException):
            raise result
        else:
            tally.add(result.answer, result.seconds, 0.0)
    return _Sweep(name, time.perf_counter() - started, tally.devices)


async def _scaled(part: Part, executable: Path, fleet: Fleet) -> _Sweep:
    """modbus_exporter's time for a few units, as if it had read all."""
    addresses = fleet.addresses[:_PEER_UNITS]
    part.tell(f"modbus_exporter reads {len(addresses)} units")
    async with running_candidate(modbus_exporter(executable), part.folder) as running:
        started = time.perf_counter()
        async with Scraper(running.url, timeout=_PEER_SECONDS) as scraper:
            for address in addresses:
                await scraper.get(running.probe_path(address))
        seconds = time.perf_counter() - started
    factor = len(fleet.addresses) / len(addresses)
    note = f"{len(addresses)} units took {seconds:.1f} s"
    return _Sweep("modbus_exporter, one unit after the other", seconds * factor, len(fleet.addresses), note)


def _table(line: SerialLine, units: int, sweeps: Sequence[_Sweep]) -> Table:
    wire = rtu(line.baudrate, line.turnaround_milliseconds / 1000)
    one = least(load_maps([])["default"], wire, lambda _place, _count: True)
    limit = wire.seconds(Exchanges(units * one.requests, units * one.bytes))
    table = figures_table(
        f"{units} units on one line, {line.baudrate} baud, {line.turnaround_milliseconds} ms turnaround, all at once",
        "",
        *("seconds", "to the limit", f"read within {TIMEOUT_SECONDS:g} s", "note"),
    )
    table.add_row("the line's limit", f"{limit:.2f}", "1.00", "", "")
    for sweep in sweeps:
        within = "" if sweep.note else f"{sweep.devices} of {units}"
        table.add_row(sweep.name, f"{sweep.seconds:.2f}", f"{sweep.seconds / limit:.2f}", within, sweep.note)
    return table
