"""One scrape of one dispenser, beside modbus_exporter."""

import asyncio
from collections.abc import Sequence

import click
from rich.table import Table

from bench.candidate import Candidate, modbus_exporter, running_candidate, tapwatch
from bench.fleet import running_fleet
from bench.measure import Figures, measure
from bench.run import Part, Run, figures_table
from tapwatch.table import print_table

_ROWS = (
    ("devices read for a second of CPU", "", "devices_per_cpu_second"),
    ("CPU time of the exporter", "ms", "cpu_milliseconds"),
    ("devices read in a second", "", "devices_per_second"),
    ("Modbus requests", "", "requests"),
    ("new connections", "", "connections"),
    ("bytes on the line", "", "line_bytes"),
    ("series", "", "series"),
    ("memory of the exporter", "MB", "memory_megabytes"),
)


@click.command("probe")
@click.option("--dispensers", type=click.IntRange(1), default=64, show_default=True)
@click.option("--units-per-gateway", type=click.IntRange(1, 247), default=8, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="How often each reads the fleet.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="The middle one is shown.")
@click.pass_obj
def command(run: Run, dispensers: int, units_per_gateway: int, rounds: int, runs: int) -> None:
    """One scrape of one dispenser by /probe, beside modbus_exporter."""
    with run.part("probe") as part:
        candidates = [tapwatch(profile=part.profile("probe"))]
        if run.modbus_exporter is not None:
            candidates.append(modbus_exporter(run.modbus_exporter))
        done = [asyncio.run(_run(part, candidates, (dispensers, units_per_gateway), rounds)) for _ in range(runs)]
        print_table(_table(done))


async def _run(part: Part, candidates: Sequence[Candidate], size: tuple[int, int], rounds: int) -> list[Figures]:
    """Each candidate's figures, one after the other on one fleet."""
    figures = []
    async with running_fleet(part.folder, *size) as fleet:
        for candidate in candidates:
            part.tell(f"{candidate.name} reads {len(fleet.addresses)} dispensers {rounds} times")
            async with running_candidate(candidate, part.folder) as running:
                figures.append(await measure(fleet, running, rounds))
    return figures


def _table(runs: Sequence[Sequence[Figures]]) -> Table:
    """The middle run by the ratio of CPU times, or by ours when there is no peer."""
    ordered = sorted(runs, key=_cpu)
    middle = ordered[len(ordered) // 2]
    table = figures_table("One scrape of one dispenser", "", *(one.name for one in middle), "ratio")
    for title, unit, attribute in _ROWS:
        numbers = [float(getattr(one, attribute)) for one in middle]
        ratio = f"{numbers[0] / numbers[1]:.3g}" if len(numbers) > 1 and numbers[1] else "-"
        table.add_row(title, *(f"{number:.4g} {unit}".rstrip() for number in numbers), ratio)
    what = "CPU ratios" if len(middle) > 1 else "CPU milliseconds"
    table.caption = f"{what} of all runs: {', '.join(f'{_cpu(run):.3g}' for run in ordered)}"
    return table


def _cpu(run: Sequence[Figures]) -> float:
    ours, *peers = run
    return ours.cpu_milliseconds / peers[0].cpu_milliseconds if peers else ours.cpu_milliseconds
