"""What a dead unit costs the living ones behind the same gateway."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.table import Table

from bench.candidate import gateway_path, probe_path, running_candidate, tapwatch
from bench.fleet import Fleet, SerialLine, running_fleet
from bench.run import Part, Run, figures_table
from bench.scrape import Scraper
from tapwatch.table import print_table

_UNITS = 16
_HEALTHY_SWEEPS = 5
_LEARNING_INTERVAL_SECONDS, _HEALTHY_INTERVAL_SECONDS, _INTERVAL_SECONDS = 1.0, 3.0, 15.0


@dataclass(frozen=True)
class _Case:
    """A gateway, and how its units are scraped."""

    name: str
    line: SerialLine | None
    whole: bool = False
    """By /gateway, else by /probe for each unit."""

    def paths(self, fleet: Fleet) -> tuple[list[str], list[str]]:
        """What is scraped of the living, and of the last unit, the dead one; /gateway names it with the others."""
        if self.whole:
            return [str(gateway_path(one)) for one in fleet.gateways], []
        *living, dead = (str(probe_path(one)) for one in fleet.addresses)
        return living, [dead]


_CASES = (
    _Case("9600 baud line, /probe", SerialLine()),
    _Case("9600 baud line, /gateway", SerialLine(), whole=True),
    _Case("instant TCP gateway, /probe", None),
    _Case("instant TCP gateway, /gateway", None, whole=True),
)


@dataclass(frozen=True)
class _Figures:
    """Mean seconds of the living units' scrapes in each sweep."""

    case: _Case
    healthy: Sequence[float]
    beside: Sequence[float]
    """With the dead one scraped as well."""


@click.command("dead")
@click.option("--learning-seconds", type=float, default=85, show_default=True, help="Before anything is measured.")
@click.option("--sweeps", type=click.IntRange(1), default=5, show_default=True, help="15 s apart, with the dead unit.")
@click.pass_obj
def command(run: Run, learning_seconds: float, sweeps: int) -> None:
    """What a dead unit costs its neighbours."""
    with run.part("dead") as part:
        seconds = learning_seconds + (sweeps - 1) * _INTERVAL_SECONDS
        part.tell(f"{len(_CASES)} gateways with {_UNITS} units each, at the same time, {seconds:.0f} s and more")
        print_table(_table(asyncio.run(_measure_all(part, learning_seconds, sweeps))))


async def _measure_all(part: Part, learning_seconds: float, sweeps: int) -> list[_Figures]:
    """Side by side, since next to nothing happens in any of them."""
    return await asyncio.gather(*(_measure(part, case, learning_seconds, sweeps) for case in _CASES))


async def _measure(part: Part, case: _Case, learning_seconds: float, sweeps: int) -> _Figures:
    folder = part.folder / case.name.replace("/", "")
    folder.mkdir()
    async with (
        running_fleet(folder, _UNITS, _UNITS, case.line) as fleet,
        running_candidate(tapwatch([fleet.inventory]), folder) as running,
        Scraper(running.url) as scraper,
    ):
        living, dead = case.paths(fleet)
        await _sweep(scraper, living, [])
        healthy = await _sweeps(scraper, (living, []), _HEALTHY_SWEEPS, _HEALTHY_INTERVAL_SECONDS)
        await fleet.silence(fleet.dispensers[-1].name)
        await _learn(scraper, dead or living, learning_seconds)
        beside = await _sweeps(scraper, (living, dead), sweeps, _INTERVAL_SECONDS)
    return _Figures(case, healthy, beside)


async def _learn(scraper: Scraper, paths: Sequence[str], seconds: float) -> None:
    """Ask for the dead unit, until the exporter has known it as dead for long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        await asyncio.gather(*(scraper.get(path) for path in paths))
        await asyncio.sleep(_LEARNING_INTERVAL_SECONDS)


async def _sweeps(
    scraper: Scraper, paths: tuple[Sequence[str], Sequence[str]], sweeps: int, interval: float
) -> list[float]:
    """One after the other; the pauses between them are long enough for caches to grow cold in both measurements."""
    seconds, started = [], time.perf_counter()
    for number in range(sweeps):
        await asyncio.sleep(max(started + number * interval - time.perf_counter(), 0))
        seconds.append(await _sweep(scraper, *paths))
    return seconds


async def _sweep(scraper: Scraper, living: Sequence[str], dead: Sequence[str]) -> float:
    """All at once, the dead one first: mean seconds of the others. Raises TapwatchError when one of them fails."""
    asked = [asyncio.create_task(scraper.get(path)) for path in (*dead, *living)]
    answers = await asyncio.gather(*asked)
    return statistics.fmean(one.seconds for one in answers[len(dead) :])


def _table(figures: Sequence[_Figures]) -> Table:
    table = figures_table(
        f"Time of a living unit's scrape, with one of {_UNITS} units dead",
        "",
        *("without", "known as dead", "worst sweep", "adds on average"),
    )
    for one in figures:
        healthy = statistics.fmean(one.healthy)
        times = (healthy, statistics.median(one.beside), max(one.beside))
        adds = statistics.fmean(one.beside) / healthy - 1
        table.add_row(one.case.name, *(f"{1000 * seconds:.1f} ms" for seconds in times), f"{adds:+.1%}")
    return table
