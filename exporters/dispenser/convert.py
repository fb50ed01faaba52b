"""Turn the settings of modbus_exporter into register maps."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import click

from exporters.dispenser.conversion import BitRule, Note, convertible
from exporters.dispenser.mapfile import parse_map
from exporters.dispenser.mapwriter import map_text, notes_on
from exporters.dispenser.modbusyml import PeerModule, PeerSettings, read_peer_settings
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.process import exit_on_faults
from tapwatch.settings import DocumentPath, parse_document

_PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class ConvertedMap:
    """One register map, and the file that it is for."""

    file: str
    text: str
    metrics: int
    """How many of the module's metrics it holds."""
    of: int
    """How many the module has."""


@dataclass(frozen=True)
class Conversion:
    """What became of a settings file."""

    maps: tuple[ConvertedMap, ...]
    warnings: tuple[Fault, ...]
    """What is different, or could not be converted, in the order of the file."""


def convert(settings: PeerSettings, rule: BitRule) -> Conversion:
    """The register maps for the modules of a settings file."""
    maps: dict[str, ConvertedMap] = {}
    warnings = [
        settings.document.fault(place, "does nothing in modbus_exporter 0.4.1, and is left out")
        for place, _ in settings.unread_keys()
    ]
    for number, module in enumerate(settings.modules):
        file = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', module.name).lstrip('.') or '_'}.yaml"
        if file in maps:
            warnings.append(_warning(settings, number, (None, "is left out: an earlier one has the same name or file")))
            continue
        found, notes = _convert_module(module, file, settings.document.file, rule)
        if file != f"{module.name}.yaml":
            notes.append((None, f"is named {Path(file).stem} here, as a map is named like its file"))
        warnings += [_warning(settings, number, note) for note in notes]
        if found is not None:
            maps[file] = found
    return Conversion(tuple(maps.values()), tuple(sorted(warnings, key=lambda one: one.line or 0)))


def _convert_module(
    module: PeerModule, file: str, source: str, rule: BitRule
) -> tuple[ConvertedMap | None, list[Note]]:
    readings, notes = convertible(module, rule)
    notes += notes_on(readings, rule)
    if not readings:
        return None, [*notes, (None, "is left out: none of its metrics could be converted")]
    text = map_text(module, readings, Path(source).name)
    parse_map(parse_document(text, file), Path(file))  # what is written can be read
    return ConvertedMap(file, text, len(readings), len(module.metrics)), notes


def _warning(settings: PeerSettings, number: int, note: Note) -> Fault:
    index, message = note
    module = settings.modules[number]
    if index is None:
        place: DocumentPath = ("modules", number)
        name = f"module {module.name}"
    else:
        place = ("modules", number, "metrics", index)
        name = module.metrics[index].name
    return Fault(settings.document.file, settings.document.line(place), name, message)


@click.command("convert")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option("--output-dir", type=_PATH, help="Where to write NAME.yaml for each module; without it they are printed.")
@click.option("--overwrite", is_flag=True, help="Write over files that are there already.")
@click.option(
    "--bits",
    "rule",
    type=click.Choice(get_args(BitRule)),
    default="0.4.1",
    show_default=True,
    help="Which bit of a register bitOffset n is: 0.4.1 reads bit n + 8, its documentation says bit n.",
)
@exit_on_faults
def command(files: tuple[Path, ...], output_dir: Path | None, overwrite: bool, rule: BitRule) -> None:  # noqa: FBT001 - click's
    """Turn the settings of modbus_exporter into register maps.

    Each module becomes a map of its name. What cannot be converted, or is read differently, is told on standard error
    with its line.

    \b
    Examples:
      tapwatch convert modbus.yml --output-dir maps/
      tapwatch convert modbus.yml | less
    """  # noqa: D301 - click's mark for lines that stay as they are
    faults = Faults()
    maps: list[ConvertedMap] = []
    for file in files:
        with faults.collect():
            result = convert(read_peer_settings(file), rule)
            maps += result.maps
            for warning in result.warnings:
                click.echo(f"warning: {warning}", err=True)
    faults.raise_if_any()
    if output_dir is None:
        click.echo("---\n".join(f"# {one.file}\n{one.text}" for one in maps), nl=False)
    else:
        _write(maps, output_dir, overwrite=overwrite)


def _write(maps: list[ConvertedMap], folder: Path, *, overwrite: bool) -> None:
    paths = [folder / one.file for one in maps]
    faults = list(_write_faults(paths, overwrite=overwrite))
    if faults:
        raise ConfigError(faults)
    folder.mkdir(parents=True, exist_ok=True)
    for one, path in zip(maps, paths, strict=True):
        path.write_text(one.text, encoding="utf-8")
        click.echo(f"{path}: {one.metrics} of {one.of} metrics")


def _write_faults(paths: list[Path], *, overwrite: bool) -> Iterator[Fault]:
    for path in paths:
        if paths.count(path) > 1:
            yield Fault(str(path), None, "", "two of the files have a module of this name")
        elif path.exists() and not overwrite:
            yield Fault(str(path), None, "", "is there already; --overwrite writes over it")
