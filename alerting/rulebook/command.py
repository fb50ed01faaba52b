"""Write the rule files that follow from thresholds, samplings and objectives."""

from datetime import UTC, datetime
from pathlib import Path

import click

import alerting
from alerting.rulebook import objectives as objective_files
from alerting.rulebook.names import load_names
from alerting.rulebook.objectives import load_objectives
from alerting.rulebook.rulefile import objectives_file, samplings_file, thresholds_file
from alerting.rulebook.samplings import load_samplings
from alerting.rulebook.thresholds import load_thresholds
from tapwatch.errors import Faults, TapwatchError
from tapwatch.process import exit_on_faults

_RULES = Path(alerting.__file__).parent / "rules"
_file = click.Path(dir_okay=False, path_type=Path)


@click.group("rules")
def command() -> None:
    """Write the rule files that follow from thresholds, samplings and objectives."""


@command.command()
@click.option("--thresholds", type=_file, help="Limits for a site, a model or a cluster; else the shipped ones.")
@click.option("--samplings", type=_file, help="Which dispenser was sampled when.")
@click.option(
    "--objectives", type=_file, default=objective_files.SHIPPED, help="Service objectives; else the shipped ones."
)
@click.option("--inventory", type=_file, multiple=True, help="Names that are not in this inventory are faults.")
@click.option("--map", "maps", type=_file, multiple=True, help="A register map that the inventory names.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=_RULES, help="The rules' folder.")
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not what would be written.")
@exit_on_faults
def build(  # noqa: PLR0913 - one for each option
    *,
    thresholds: Path | None,
    samplings: Path | None,
    objectives: Path,
    inventory: tuple[Path, ...],
    maps: tuple[Path, ...],
    output: Path,
    check: bool,
) -> None:
    """Write thresholds.yaml, samplings.yaml and objectives.yaml, all or none of them."""
    texts = render(thresholds, samplings, objectives, inventory, maps)
    stale = [output / name for name, text in texts.items() if _content(output / name) != text]
    if check and stale:
        names = ", ".join(map(str, stale))
        raise TapwatchError(f"not in step with what they are written from: {names}; run tapwatch rules build")
    if not check:
        output.mkdir(parents=True, exist_ok=True)
        for file in stale:
            file.write_text(texts[file.name], encoding="utf-8")
    click.echo(f"{output}: {', '.join(texts)} are in step")


def render(
    thresholds: Path | None,
    samplings: Path | None,
    objectives: Path,
    inventory: tuple[Path, ...],
    maps: tuple[Path, ...],
) -> dict[str, str]:
    """The files' texts by name; raises ConfigError with the faults of all files."""
    names = load_names(inventory, maps)
    faults = Faults()
    texts: dict[str, str] = {}
    with faults.collect():
        texts["thresholds.yaml"] = thresholds_file(load_thresholds(thresholds, names))
    with faults.collect():
        texts["samplings.yaml"] = samplings_file(load_samplings(samplings, datetime.now(UTC).date(), names))
    with faults.collect():
        texts["objectives.yaml"] = objectives_file(load_objectives(objectives))
    faults.raise_if_any()
    return texts


def _content(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
