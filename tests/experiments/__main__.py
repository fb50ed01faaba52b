"""`python -m tests.experiments`: break the stack in many ways, and write down what it took to be right again."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from tapwatch.errors import TapwatchError
from tests.cluster.laboratory import Laboratory
from tests.experiments.experiments import EXPERIMENTS, Experiment
from tests.experiments.measure import Result, observed, outside, save
from tests.experiments.report import describe, render
from tests.experiments.stack import bring_up
from tests.servers.cache import tell


@click.command()
@click.argument("names", nargs=-1)
@click.option("--tuned/--defaults", default=True, show_default=True, help="How soon the cluster notices dead workers.")
@click.option("--short", is_flag=True, help="Only one of each kind.")
@click.option("--list", "listing", is_flag=True, help="Print what there is, and do nothing.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the figures here.")
def main(names: tuple[str, ...], json_file: Path | None, *, tuned: bool, short: bool, listing: bool) -> None:
    """Break the stack on the laboratory's cluster, and print how soon each thing was noticed and right again.

    NAMES are parts of experiments' names; all are done when none is given. Needs root, and no service beforehand.
    """
    chosen = [one for one in EXPERIMENTS if not names or any(name in one.name for name in names)]
    chosen = [one for one in chosen if one.short or not short]
    if not chosen:
        known = ", ".join(one.name for one in EXPERIMENTS)
        raise click.UsageError(f"no experiment has such a name; there are: {known}")
    if listing:
        click.echo("\n".join(one.name for one in chosen))
        return
    try:
        results = asyncio.run(perform(chosen, tuned=tuned))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error
    if json_file is not None:
        save(results, json_file)
    click.echo(render(results))


async def perform(chosen: Sequence[Experiment], *, tuned: bool) -> list[Result]:
    """On a cluster of their own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tapwatch-experiments-") as name:
        folder = Path(name)
        with Laboratory.start(folder / "laboratory", tuned=tuned) as laboratory:
            tell(f"the laboratory is up: {laboratory.plane.entrance.url}")
            async with outside(laboratory, folder) as cloud:
                stack = await asyncio.to_thread(bring_up, laboratory, folder / "overlay")
                tell(f"the stack is whole: {dict(stack.parts())}")
                async with observed(stack, cloud) as bench:
                    results = []
                    for one in chosen:
                        results.append(await bench.run(one))
                        tell(describe(results[-1]))
                    return await bench.count(results)


if __name__ == "__main__":
    main()
