"""A whole gateway in one scrape, beside Telegraf, which polls the same gateways over kept connections."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import click
from rich.table import Table
from yarl import URL

from bench.candidate import gateway_path, running_candidate, tapwatch
from bench.fleet import Fleet, running_fleet
from bench.load import drive
from bench.process import Process, running_process
from bench.run import Part, Run, figures_table
from bench.scrape import Scraper
from bench.telegraf import Telegraf
from exporters.dispenser.mapfile import load_maps
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table
from tapwatch.web import free_port

_INTERVAL_SECONDS = 1.0
_WARM_UP_ROUNDS = 2


@dataclass(frozen=True)
class _Figures:
    """Of one way to read the whole fleet once a second."""

    name: str
    cpu_milliseconds: float
    """For one device."""
    requests: float
    """The same."""
    connections: int
    kilobytes: float
    """Of text for one device, as it went to the scraper."""
    memory_megabytes: float


@click.command("gateway")
@click.option("--gateways", type=click.IntRange(1), default=8, show_default=True)
@click.option("--units-per-gateway", type=click.IntRange(1, 247), default=32, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=8, show_default=True, help="How often each reads the fleet.")
@click.pass_obj
def command(run: Run, gateways: int, units_per_gateway: int, rounds: int) -> None:
    """A whole gateway in one scrape by /gateway, beside Telegraf."""
    with run.part("gateway") as part:
        size = gateways * units_per_gateway, units_per_gateway
        print_table(_table(asyncio.run(_compare(part, run.telegraf, size, rounds))))


async def _compare(part: Part, telegraf: Path | None, size: tuple[int, int], rounds: int) -> list[_Figures]:
    async with running_fleet(part.folder, *size) as fleet:
        figures = [await _ours(part, fleet, rounds, gzip=gzip) for gzip in (False, True)]
        if telegraf is not None:
            figures += [await _polled(part, fleet, rounds, telegraf, gzip=gzip) for gzip in (None, False, True)]
    return figures


async def _ours(part: Part, fleet: Fleet, rounds: int, *, gzip: bool) -> _Figures:
    name = "tapwatch, gzip" if gzip else "tapwatch"
    part.tell(f"{name} answers for {len(fleet.gateways)} gateways {rounds} times")
    candidate = tapwatch([fleet.inventory], profile=part.profile("gateway-gzip" if gzip else "gateway"))
    paths = [str(gateway_path(one)) for one in fleet.gateways]
    async with running_candidate(candidate, part.folder) as running, Scraper(running.url, gzip=gzip) as scraper:
        return await _measure(name, fleet, running.process, (scraper, paths), rounds)


async def _polled(part: Part, fleet: Fleet, rounds: int, executable: Path, *, gzip: bool | None) -> _Figures:
    """Telegraf's, which throws away what it polled when `gzip` is None, else renders it for a scraper."""
    name = {None: "Telegraf", False: "Telegraf, rendering", True: "Telegraf, rendering, gzip"}[gzip]
    part.tell(f"{name}, polls {len(fleet.gateways)} gateways {rounds} times")
    address = f"127.0.0.1:{free_port()}"
    telegraf = Telegraf(executable, _INTERVAL_SECONDS, None if gzip is None else address)
    command = telegraf.command(part.folder, load_maps([])["default"], fleet.dispensers)
    async with (
        running_process(command, None if gzip is None else f"http://{address}/") as process,
        Scraper(URL(f"http://{address}"), gzip=bool(gzip)) as scraper,
    ):
        return await _measure(name, fleet, process, None if gzip is None else (scraper, ["/metrics"]), rounds)


async def _measure(
    name: str, fleet: Fleet, process: Process, scraped: tuple[Scraper, list[str]] | None, rounds: int
) -> _Figures:
    """Some rounds to warm up, then `rounds`. Raises TapwatchError when not every device was read."""
    connected = await fleet.traffic()
    await _pass_rounds(scraped, _WARM_UP_ROUNDS)
    before, cpu = await fleet.traffic(), process.cpu_seconds()
    wire_bytes = await _pass_rounds(scraped, rounds)
    cpu, after = process.cpu_seconds() - cpu, await fleet.traffic()
    polled = rounds * len(fleet.addresses)
    requests = (after - before).requests / polled
    if requests < 1 - 1 / rounds:
        raise TapwatchError(f"{name} read {requests:.0%} of the devices only")
    # A poller's last round may be one earlier or later than ours: count what it polled.
    cpu_milliseconds = 1000 * cpu / (polled * requests)
    connections = (after - connected).connections
    memory = process.memory_bytes() / 1e6
    return _Figures(name, cpu_milliseconds, requests, connections, wire_bytes / polled / 1000, memory)


async def _pass_rounds(scraped: tuple[Scraper, list[str]] | None, rounds: int) -> int:
    """The bytes of all answers; without a scraper time passes, which is enough for one that polls by itself."""
    if scraped is None:
        await asyncio.sleep(rounds * _INTERVAL_SECONDS)
        return 0
    tally = await drive(*scraped, _INTERVAL_SECONDS, rounds)
    if tally.missed:
        raise TapwatchError(f"{tally.missed} of {rounds * len(scraped[1])} scrapes failed")
    return tally.wire_bytes


def _table(figures: list[_Figures]) -> Table:
    table = figures_table("A whole gateway in one scrape, for one device", "", *(one.name for one in figures))
    table.add_row("CPU time", *(f"{one.cpu_milliseconds:.3f} ms" for one in figures))
    table.add_row("Modbus requests", *(f"{one.requests:.3g}" for one in figures))
    table.add_row("connections, for all", *(str(one.connections) for one in figures))
    table.add_row("text", *(f"{one.kilobytes:.2f} kB" if one.kilobytes else "-" for one in figures))
    table.add_row("memory, for all", *(f"{one.memory_megabytes:.0f} MB" for one in figures))
    return table
