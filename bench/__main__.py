"""`make bench`: our exporter beside modbus_exporter, on the same simulated fleet, in the same run."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from bench.candidate import TAPWATCH, Candidate, modbus_exporter, running_candidate
from bench.fleet import running_fleet
from bench.measure import Figures, measure
from tapwatch.process import exit_on_faults
from tapwatch.table import print_table


@click.command()
@click.option(
    "--modbus-exporter", "peer", type=click.Path(exists=True, path_type=Path), required=True, help="Its executable."
)
@click.option("--dispensers", type=click.IntRange(1), default=64, show_default=True)
@click.option("--units-per-gateway", type=click.IntRange(1, 247), default=8, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True, help="How often each reads the fleet.")
@exit_on_faults
def main(peer: Path, dispensers: int, units_per_gateway: int, rounds: int) -> None:
    """Scrape the same simulated fleet through each exporter, and print what it costs as ratios.

    Absolute times depend on the machine and on what else it does; the ratios of one run hold.
    """
    candidates = [TAPWATCH, modbus_exporter(peer)]
    ours, *peers = asyncio.run(_compare(candidates, dispensers, units_per_gateway, rounds))
    for other in peers:
        print_table(_table(ours, other))


async def _compare(
    candidates: Sequence[Candidate], dispensers: int, units_per_gateway: int, rounds: int
) -> list[Figures]:
    """Each candidate's figures, one after the other on one fleet."""
    with tempfile.TemporaryDirectory(prefix="tapwatch-bench-") as name:
        folder = Path(name)
        async with running_fleet(folder, dispensers, units_per_gateway) as fleet:
            figures = []
            for candidate in candidates:
                click.echo(f"{candidate.name}: {rounds} times {dispensers} dispensers ...", err=True)
                async with running_candidate(candidate, folder) as running:
                    figures.append(await measure(fleet, running, rounds))
    return figures


def _table(ours: Figures, other: Figures) -> Table:
    table = Table("for one scrape of one dispenser", ours.name, other.name, "ratio", box=None, header_style="bold")
    for title, unit, attribute in (
        ("devices read", "1/s", "devices_per_second"),
        ("CPU time of the exporter", "ms", "cpu_milliseconds"),
        ("Modbus requests", "", "requests"),
        ("new connections", "", "connections"),
        ("bytes on the line", "", "line_bytes"),
        ("series", "", "series"),
        ("memory of the exporter", "MB", "memory_megabytes"),
    ):
        mine, theirs = float(getattr(ours, attribute)), float(getattr(other, attribute))
        ratio = f"{mine / theirs:.3g}" if theirs else "-"
        table.add_row(title, f"{mine:.4g} {unit}".rstrip(), f"{theirs:.4g} {unit}".rstrip(), ratio)
    return table


if __name__ == "__main__":
    main()
