"""`python -m laboratory.experiments`: break the stack in many ways, load it, and write down what it took."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click

from alerting.dingtalk.standin.server import StandIn
from laboratory.cluster.installation import images
from laboratory.cluster.laboratory import Laboratory, fetch
from laboratory.experiments.experiments import EXPERIMENTS, Experiment
from laboratory.experiments.load import (
    CAMPUS_DISPENSERS,
    FAILING_DISPENSERS,
    LOADS,
    Load,
    all_up,
    more_dispensers,
    until,
)
from laboratory.experiments.measure import Bench, Result, observed, outside, save
from laboratory.experiments.report import describe, render
from laboratory.experiments.stack import Stack, Variant
from tapwatch.cache import tell
from tapwatch.errors import TapwatchError


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
        failures = [one for one in chosen if isinstance(one, Experiment)]
        if failures:
            results = asyncio.run(fail(failures, json_file, tuned=tuned))
        for loads in ([one for one in chosen if isinstance(one, Load) and one not in scaling], scaling):
            if loads:
                asyncio.run(load(loads, tuned=tuned))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error
    shortfalls = [one for result in results for one in result.shortfalls(slack)]
    if tuned and shortfalls:
        raise click.ClickException("\n".join(["goals missed:", *shortfalls]))


async def fail(experiments: Sequence[Experiment], json_file: Path | None, *, tuned: bool) -> list[Result]:
    """On a cluster of their own, with dispensers to read; what they showed. Raises TapwatchError."""
    async with AsyncExitStack() as running:
        folder, laboratory, cloud = await _laboratory(running, tuned=tuned)
        more = FAILING_DISPENSERS - CAMPUS_DISPENSERS
        inventory = await running.enter_async_context(more_dispensers(laboratory, more, folder))
        bench = await _bench(running, folder, laboratory, cloud, Variant(more_dispensers=inventory))
        if not await until(lambda: all_up(bench.stack, FAILING_DISPENSERS)):
            raise TapwatchError(f"Prometheus does not read all of {FAILING_DISPENSERS} dispensers")
        results: list[Result] = []
        for one in experiments:
            results.append(await bench.run(one))
            tell(describe(results[-1]))
        results = await bench.count(results)
    click.echo(render(results))
    if json_file is not None:
        save(results, json_file)
    return results


async def load(loads: Sequence[Load], *, tuned: bool) -> None:
    """On a cluster of their own, and print what they showed. Raises TapwatchError."""
    async with AsyncExitStack() as running:
        folder, laboratory, cloud = await _laboratory(running, tuned=tuned)
        variant = Variant(autoscaled=any(one.autoscaled for one in loads))
        bench = await _bench(running, folder, laboratory, cloud, variant)
        for one in loads:
            click.echo(f"{one.name}:\n\n{await one.run(bench, folder)}")


async def _laboratory(running: AsyncExitStack, *, tuned: bool) -> tuple[Path, Laboratory, StandIn]:
    """A folder for files, the bare cluster, and the world outside of it; all are gone when `running` ends."""
    folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tapwatch-experiments-")))
    laboratory = running.enter_context(Laboratory.start(folder / "laboratory", tuned=tuned))
    tell(f"the laboratory is up: {laboratory.plane.entrance.url}")
    return folder, laboratory, await running.enter_async_context(outside(laboratory, folder))


async def _bench(
    running: AsyncExitStack, folder: Path, laboratory: Laboratory, cloud: StandIn, variant: Variant
) -> Bench:
    """With the stack on it, whole, and asked from outside."""
    stack = await asyncio.to_thread(Stack.bring_up, laboratory, folder / "overlay", variant)
    tell(f"the stack is whole: {dict(stack.parts())}")
    return await running.enter_async_context(observed(stack, cloud))


if __name__ == "__main__":
    main()
