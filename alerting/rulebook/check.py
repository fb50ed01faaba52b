"""Check thresholds, samplings and objectives before rules are written from them."""

from datetime import UTC, datetime
from pathlib import Path

import click

from alerting.rulebook.names import load_names
from alerting.rulebook.objectives import load_objectives
from alerting.rulebook.samplings import load_samplings
from alerting.rulebook.thresholds import load_thresholds
from tapwatch.process import exit_on_faults

_PATH = click.Path(path_type=Path)
_inventory = click.option(
    "--inventory", "inventories", multiple=True, type=_PATH, help="Names that are not in it are faults."
)
_maps = click.option("--map", "maps", multiple=True, type=_PATH, help="A register map that the inventory names.")


@click.command("thresholds")
@click.argument("file", type=_PATH)
@_inventory
@_maps
@exit_on_faults
def check_thresholds(file: Path, inventories: tuple[Path, ...], maps: tuple[Path, ...]) -> None:
    """Check a file of thresholds: names, units, repetitions, contradictions."""
    found = load_thresholds(file, load_names(inventories, maps))
    click.echo(f"{file}: good; {sum(len(values) - 1 for values in found.values.values())} limits set")


@click.command("samplings")
@click.argument("file", type=_PATH)
@_inventory
@_maps
@exit_on_faults
def check_samplings(file: Path, inventories: tuple[Path, ...], maps: tuple[Path, ...]) -> None:
    """Check the log of water samples."""
    found = load_samplings(file, datetime.now(UTC).date(), load_names(inventories, maps))
    click.echo(f"{file}: good; {len(found)} dispensers sampled")


@click.command("objectives")
@click.argument("file", type=_PATH)
@exit_on_faults
def check_objectives(file: Path) -> None:
    """Check service objectives."""
    click.echo(f"{file}: good; {len(load_objectives(file))} objectives")
