"""Check register maps and inventories before they are used."""

from pathlib import Path

import click

from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.mapfile import load_map, load_maps
from exporters.dispenser.plan import plan_reads
from tapwatch.errors import Faults
from tapwatch.process import exit_on_faults

_files = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.command("map")
@_files
@exit_on_faults
def check_map(files: tuple[Path, ...]) -> None:
    """Check register maps; prints how many series and reads each one takes."""
    faults = Faults()
    for file in files:
        with faults.collect():
            found = load_map(file)
            series = sum(len(list(value.series)) for value in found.values)
            reads = plan_reads(found)
            click.echo(f"{file}: good; {series} series in {len(reads)} reads: {', '.join(map(str, reads))}")
    faults.raise_if_any()


@click.command("inventory")
@_files
@click.option("--map", "maps", multiple=True, type=click.Path(path_type=Path), help="A map beside the built-in ones.")
@exit_on_faults
def check_inventory(files: tuple[Path, ...], maps: tuple[Path, ...]) -> None:
    """Check the inventory files of one fleet, together: a name or an address must not stand twice."""
    inventory = load_inventory(files, load_maps(maps))
    click.echo(f"{', '.join(map(str, files))}: good; {len(inventory.dispensers)} dispensers")
