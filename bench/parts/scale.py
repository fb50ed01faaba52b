"""One process with a large fleet: its share of a core and its memory, while all is scraped as Prometheus would."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.table import Table

from bench.candidate import gateway_path, probe_path, running_candidate, tapwatch
from bench.fleet import Fleet, SerialLine, running_fleet
from bench.load import Tally, drive
from bench.process import Process, most_memory
from bench.run import Part, Run, figures_table
from bench.scrape import Scraper
from tapwatch.table import print_table


@dataclass(frozen=True)
class _Figures:
    """Of one way to scrape the whole fleet."""

    name: str
    tally: Tally
    share_of_core: float
    memory_megabytes: float
    """The most that was seen."""
    fleet_share: float
    scraper_share: float


@dataclass(frozen=True)
class _Plan:
    """What is scraped how often."""

    interval: float
    rounds: int


@click.command("scale")
@click.option("--dispensers", type=click.IntRange(1, 20000), default=10_000, show_default=True)
@click.option("--units-per-gateway", type=click.IntRange(1, 247), default=32, show_default=True)
@click.option("--interval-seconds", type=click.FloatRange(1), default=15, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=4, show_default=True, help="Intervals, after one to warm up.")
@click.option(
    "--baudrate", type=int, default=0, show_default=True, help="Of a serial line behind each gateway; 0: none."
)
@click.pass_obj
def command(
    run: Run, dispensers: int, units_per_gateway: int, interval_seconds: float, rounds: int, baudrate: int
) -> None:
    """One process with 10,000 devices: CPU, memory, and scrapes missed or late."""
    plan, line = _Plan(interval_seconds, rounds), SerialLine(baudrate) if baudrate else None
    with run.part("scale") as part:
        figures = asyncio.run(_scrape_both_ways(part, (dispensers, units_per_gateway), plan, line))
        print_table(_table(f"{dispensers} devices every {interval_seconds:g} s", plan, figures))


async def _scrape_both_ways(part: Part, size: tuple[int, int], plan: _Plan, line: SerialLine | None) -> list[_Figures]:
    part.tell(f"starting {size[0]} devices")
    async with running_fleet(part.folder, *size, line) as fleet:
        probes = [str(probe_path(one)) for one in fleet.addresses]
        whole = [str(gateway_path(one)) for one in fleet.gateways]
        return [
            await _scrape(part, fleet, "/probe", probes, plan),
            await _scrape(part, fleet, "/gateway", whole, plan),
        ]


async def _scrape(part: Part, fleet: Fleet, name: str, paths: Sequence[str], plan: _Plan) -> _Figures:
    """One round to warm up, then those that count, by a fresh exporter."""
    candidate = tapwatch([fleet.inventory], profile=part.profile(f"scale-{name.strip('/')}"))
    async with running_candidate(candidate, part.folder) as running, Scraper(running.url) as scraper:
        part.tell(f"{name}, {len(paths)} targets, {(plan.rounds + 1) * plan.interval:g} s")
        await drive(scraper, paths, plan.interval, 1)
        started = _times(running.process, fleet)
        watching = asyncio.create_task(most_memory(running.process))
        tally = await drive(scraper, paths, plan.interval, plan.rounds)
        ended = _times(running.process, fleet)
        watching.cancel()
        (memory,) = await asyncio.gather(watching)
    wall, *shares = (after - before for before, after in zip(started, ended, strict=True))
    exporter, simulation, scraping = (share / wall for share in shares)
    return _Figures(name, tally, exporter, memory / 1e6, simulation, scraping)


def _times(exporter: Process, fleet: Fleet) -> tuple[float, float, float, float]:
    """The clock, and the CPU seconds of the exporter, of the fleet, and of this process."""
    return time.perf_counter(), exporter.cpu_seconds(), fleet.process.cpu_seconds(), time.process_time()


def _table(title: str, plan: _Plan, figures: Sequence[_Figures]) -> Table:
    seconds = plan.rounds * plan.interval
    table = figures_table(f"{title}, for {seconds:g} s", "", *(one.name for one in figures))
    tallies = [one.tally for one in figures]
    rows = {
        "CPU of the exporter": [f"{one.share_of_core:.1%} of a core" for one in figures],
        "memory of the exporter": [f"{one.memory_megabytes:.0f} MB" for one in figures],
        "CPU for one device": [
            f"{1000 * one.share_of_core * seconds / max(one.tally.devices, 1):.3f} ms" for one in figures
        ],
        "scrapes": [str(len(one.seconds) + one.missed) for one in tallies],
        "devices read": [str(one.devices) for one in tallies],
        "missed": [str(one.missed) for one in tallies],
        "later than 1 s": [str(one.late) for one in tallies],
        "a scrape takes, median": [f"{1000 * one.quantile(0.5):.1f} ms" for one in tallies],
        "99 % at most": [f"{1000 * one.quantile(0.99):.1f} ms" for one in tallies],
        "the longest": [f"{1000 * one.quantile(1):.1f} ms" for one in tallies],
        "bytes to Prometheus": [f"{one.wire_bytes / seconds / 1e6:.2f} MB/s" for one in tallies],
        "CPU of the simulated fleet": [f"{one.fleet_share:.0%}" for one in figures],
        "CPU of the scraper": [f"{one.scraper_share:.0%}" for one in figures],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table
