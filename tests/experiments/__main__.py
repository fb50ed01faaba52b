"""`python -m tests.experiments`: break the stack in many ways, load it, and write down what it took."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from tapwatch.errors import TapwatchError
from tests.cluster.installation import images
from tests.cluster.laboratory import Laboratory, fetch
from tests.experiments.experiments import EXPERIMENTS, Experiment
from tests.experiments.load import LOADS, Load
from tests.experiments.measure import Result, observed, outside, save
from tests.experiments.report import describe, render
from tests.experiments.stack import Stack, Variant
from tests.servers.cache import tell


@click.command()
@click.argument("names", nargs=-1)
@click.option("--tuned/--defaults", default=True, show_default=True, help="How soon the cluster notices dead workers.")
@click.option("--short", is_flag=True, help="Only one of each kind.")
@click.option("--list", "only", flag_value="list", help="Print what there is, and do nothing.")
@click.option("--build", "only", flag_value="build", help="Only build what they need and the cache does not have.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the failures' figures here."
)
@click.option(
    "--slack",
    type=click.FloatRange(min=1),
    default=1.0,
    show_default=True,
    help="Times may be so many times their goals: for a busy machine.",
)
def main(
    names: tuple[str, ...], only: str | None, slack: float, json_file: Path | None, *, tuned: bool, short: bool
) -> None:
    """Break the stack on the laboratory's cluster, and print how soon each thing was noticed and right again.

    And double its load until something gives; and see replicas come and go with it.

    NAMES are parts of experiments' names; all are done when none is given. Needs root, and no service beforehand.
    Ends with status 1 when a goal of a failure's was missed, which is named; with Kubernetes' defaults there are none.
    """
    everything: Sequence[Experiment | Load] = (*EXPERIMENTS, *LOADS)
    chosen = [one for one in everything if not names or any(name in one.name for name in names)]
    chosen = [one for one in chosen if not short or (isinstance(one, Experiment) and one.short)]
    if not chosen:
        known = ", ".join(one.name for one in everything)
        raise click.UsageError(f"no experiment has such a name; there are: {known}")
    if only == "list":
        click.echo("\n".join(one.name for one in chosen))
        return
    scaling = [one for one in chosen if isinstance(one, Load) and one.autoscaled]
    results: list[Result] = []
    try:
        fetch()
        images(autoscaled=bool(scaling))
        if only == "build":
            return
        for part in ([one for one in chosen if one not in scaling], scaling):
            if part:
                results += asyncio.run(perform(part, json_file, tuned=tuned))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error
    shortfalls = [one for result in results for one in result.shortfalls(slack)]
    if tuned and shortfalls:
        raise click.ClickException("\n".join(["goals missed:", *shortfalls]))


async def perform(chosen: Sequence[Experiment | Load], json_file: Path | None, *, tuned: bool) -> list[Result]:
    """On a cluster of their own, which is gone afterwards; what the failures among them showed."""
    autoscaled = any(isinstance(one, Load) and one.autoscaled for one in chosen)
    with tempfile.TemporaryDirectory(prefix="tapwatch-experiments-") as name:
        folder = Path(name)
        with Laboratory.start(folder / "laboratory", tuned=tuned) as laboratory:
            tell(f"the laboratory is up: {laboratory.plane.entrance.url}")
            async with outside(laboratory, folder) as cloud:
                variant = Variant(autoscaled=autoscaled)
                stack = await asyncio.to_thread(Stack.bring_up, laboratory, folder / "overlay", variant)
                tell(f"the stack is whole: {dict(stack.parts())}")
                async with observed(stack, cloud) as bench:
                    results: list[Result] = []
                    for one in chosen:
                        if isinstance(one, Load):
                            click.echo(f"{one.name}:\n\n{await one.run(bench, folder)}")
                        else:
                            results.append(await bench.run(one))
                            tell(describe(results[-1]))
                    if results:
                        results = await bench.count(results)
                        click.echo(render(results))
                        if json_file is not None:
                            save(results, json_file)
                    return results


if __name__ == "__main__":
    main()
