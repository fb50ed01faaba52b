"""Check register maps and inventories before they are used."""

from pathlib import Path

import click

from exporters.dispenser.cost import cost_model
from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.mapfile import load_map, load_maps
from exporters.dispenser.mapschema import map_schema
from exporters.dispenser.mapwarnings import unknown_values
from exporters.dispenser.plan import plan_reads
from tapwatch.errors import Faults
from tapwatch.process import exit_on_faults
from tapwatch.settings import read_document

_PATH = click.Path(path_type=Path)


def _print_schema(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's
    if wanted:
        click.echo(map_schema(), nl=False)
        context.exit()


@click.command("map")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of register maps, for editors, and end.",
)
@exit_on_faults
def check_map(files: tuple[Path, ...]) -> None:
    """Check register maps; prints how many series and reads each one takes.

    Values of labels that no rule knows are told as warnings, which leave the exit status as it is.
    """
    faults = Faults()
    for file in files:
        with faults.collect():
            found = load_map(file)
            for warning in unknown_values(read_document(file), file):
                click.echo(f"warning: {warning}", err=True)
            series = sum(len(list(value.series)) for value in found.values)
            reads = plan_reads(found, cost_model(None, found.traits))
            click.echo(f"{file}: good; {series} series in {len(reads)} reads: {', '.join(map(str, reads))}")
    faults.raise_if_any()


@click.command("inventory")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option("--map", "maps", multiple=True, type=_PATH, help="A map beside the built-in ones.")
@exit_on_faults
def check_inventory(files: tuple[Path, ...], maps: tuple[Path, ...]) -> None:
    """Check the inventory files of one fleet, together: a name or an address must not stand twice."""
    inventory = load_inventory(files, load_maps(maps))
    click.echo(f"{', '.join(map(str, files))}: good; {len(inventory.dispensers)} dispensers")
