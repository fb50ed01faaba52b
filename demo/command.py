"""Run the whole pipeline on this machine with simulated dispensers, and see a fault become a message."""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from demo.check import check
from demo.front.service import serving_front_page
from demo.pipeline import Options, Pipeline, read_inventory, running_pipeline
from demo.scratch import scratch_folder
from demo.status import hints, overview, show_until
from tapwatch import log
from tapwatch.process import EXIT_FAILED, exit_on_faults


@click.command("demo")
@click.option("--check", "check_only", is_flag=True, help="Break things, see that every message arrives, and exit.")
@click.option("--dispensers", type=click.IntRange(1, 2000), default=24, show_default=True, help="How many to simulate.")
@click.option(
    "--speed", type=click.FloatRange(0.1, 1000), default=10, show_default=True, help="Simulated time's speed."
)
@click.option(
    "--language",
    type=click.Choice(["en", "zh-TW", "zh-CN"]),
    default="en",
    show_default=True,
    help="The messages' language.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="Watch this cluster instead of three simulated API server replicas.",
)
@click.option(
    "--inventory",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="Watch the dispensers of this file (YAML, or CSV with the same columns) instead of a simulated campus.",
)
@click.option(
    "--map",
    "maps",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    multiple=True,
    help="With --inventory: a register map beside the built-in ones.",
)
@click.option("--grafana/--no-grafana", default=True, show_default=True, help="Start Grafana where there is one.")
@click.pass_context
@exit_on_faults
def command(context: click.Context, check_only: bool, **choices: object) -> None:  # noqa: FBT001 - click's
    """Run the whole pipeline on this machine: from a dispenser's register to a message in the group chat.

    Starts a simulated campus, both exporters, real Prometheus and Alertmanager, the DingTalk bridge, a strict stand-in
    for DingTalk with a page that shows the group chat, and a page that shows how all of it stands and breaks things.
    Everything listens on loopback and stops with Ctrl-C.

    Prometheus and Alertmanager come from PATH, else from Debian's packages, unpacked into your cache folder.
    """
    log.configure("warning", "console")
    options = Options(**choices)  # type: ignore[arg-type]  # click has checked each one
    _refuse_what_does_not_go_together(context, options, check_only=check_only)
    if not asyncio.run(_run(options, check_only=check_only)):
        sys.exit(EXIT_FAILED)


def _refuse_what_does_not_go_together(context: click.Context, options: Options, *, check_only: bool) -> None:
    """Tell a choice that would have no effect, rather than ignore it. Raises UsageError."""
    if options.inventory is None:
        if options.maps:
            raise click.UsageError("--map goes with --inventory, whose dispensers need it")
        return
    for name in ("dispensers", "speed"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name} is about the simulated campus, and --inventory takes its place")
    if check_only and options.kubeconfig is not None:
        raise click.UsageError("--check has nothing to break where dispensers and cluster are your own")


async def _run(options: Options, *, check_only: bool) -> bool:
    console = Console(highlight=False, soft_wrap=True)
    inventory = read_inventory(options)
    with scratch_folder(Path(tempfile.gettempdir())) as folder:
        console.print("[dim]Starting:[/]")
        async with (
            running_pipeline(folder, options, lambda name: console.print(f"[dim]  {name}[/]"), inventory) as pipeline,
            serving_front_page(pipeline),
        ):
            console.print(overview(pipeline), markup=False)
            passed = await _check(pipeline, console) if check_only else await _show(pipeline, console)
        console.print("[dim]Everything is stopped.[/]")
    return passed


async def _check(pipeline: Pipeline, console: Console) -> bool:
    passed = await check(pipeline, lambda line: console.print(line, markup=False))
    console.print("[green]Every message arrived.[/]" if passed else "[red]Not every message arrived.[/]")
    return passed


async def _show(pipeline: Pipeline, console: Console) -> bool:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print(f"{hints(pipeline)}Ctrl-C stops everything.\n", markup=False)
    await show_until(stop, pipeline, console)
    return True
