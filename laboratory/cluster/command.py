"""`python -m laboratory.cluster cluster`: a whole cluster, with workers, kept in the background."""

import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from laboratory.cluster.cgroup import hierarchies
from laboratory.cluster.installation import install
from laboratory.cluster.keeper import Keeper
from laboratory.cluster.laboratory import Laboratory
from laboratory.programs.gotools import ensure
from laboratory.servers.lan import require_lan
from tapwatch.cache import cache_folder, tell
from tapwatch.errors import TapwatchError

_READABLE = click.Path(exists=True, path_type=Path, resolve_path=True)

_tuned = click.option("--tuned", is_flag=True, help="Dead workers are noticed in 6 s, not 50 s.")
_bare = click.option("--bare", is_flag=True, help="Without Tapwatch: nothing but the cluster.")
_image = click.option("--image", "images", type=_READABLE, multiple=True, help="One more archive to load.")
_overlay = click.option(
    "--overlay",
    "overlays",
    type=_READABLE,
    multiple=True,
    help="One more kustomization to apply, and to wait for; in this order.",
)


@click.group()
@click.option("--folder", type=click.Path(path_type=Path), help="Where its files are; else in the user's cache.")
@click.pass_context
def cluster(context: click.Context, folder: Path | None) -> None:
    """A whole cluster in the background: three masters, three workers in two zones. Needs root."""
    context.obj = Keeper((folder or cache_folder() / "cluster").resolve())


@cluster.command()
@_tuned
@_bare
@_image
@_overlay
@click.pass_obj
def up(keeper: Keeper, *, tuned: bool, bare: bool, images: Sequence[Path], overlays: Sequence[Path]) -> None:
    """Bring it up with Tapwatch and a simulated campus on it, print where all is, and leave it running."""
    flags = [flag for flag, is_set in (("--tuned", tuned), ("--bare", bare)) if is_set]
    flags += [f"--image={image}" for image in images]
    flags += [f"--overlay={overlay}" for overlay in overlays]
    try:
        require_lan()
        hierarchies()
        command = [sys.executable, "-m", "laboratory.cluster", "cluster", f"--folder={keeper.folder}", "keep", *flags]
        click.echo(keeper.start(command))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


@cluster.command(hidden=True)
@_tuned
@_bare
@_image
@_overlay
@click.pass_obj
def keep(keeper: Keeper, *, tuned: bool, bare: bool, images: Sequence[Path], overlays: Sequence[Path]) -> None:
    """What `up` starts: bring it up and keep it until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    started = time.monotonic()
    try:
        with keeper.keeping(), Laboratory.start(keeper.laboratory, tuned=tuned) as laboratory:
            tell(f"cluster: up after {time.monotonic() - started:.0f} s")
            if not bare:
                install(laboratory)
            _fill(laboratory, images, overlays)
            keeper.describe(_describe(laboratory))
            signal.pause()
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


@cluster.command()
@click.pass_obj
def status(keeper: Keeper) -> None:
    """Print where it is. Ends with 1 when none is up."""
    description = keeper.description
    if description is None:
        raise click.ClickException("no cluster is up" if keeper.pid is None else f"it is coming up: see {keeper.log}")
    click.echo(description)


@cluster.command()
@click.pass_obj
def down(keeper: Keeper) -> None:
    """End it, and remove all that is left of it or of one that was killed."""
    try:
        ran = keeper.end()
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error
    click.echo("The cluster is down; nothing of it is left." if ran else "No cluster was up; nothing of one is left.")


def _fill(laboratory: Laboratory, images: Sequence[Path], overlays: Sequence[Path]) -> None:
    """With images, and with what overlays say."""
    for image in images:
        started = time.monotonic()
        laboratory.load_image(image)
        tell(f"{image.name}: on every worker after {time.monotonic() - started:.0f} s")
    for overlay in overlays:
        tell(laboratory.apply(overlay))
        laboratory.wait_for_kinds()
        for namespace in laboratory.namespaces():
            laboratory.wait_for(namespace=namespace)
            tell(f"{namespace}: all is rolled out")


def _describe(laboratory: Laboratory) -> str:
    plane = laboratory.plane
    machines = [
        *(f"{one.name}    {one.api.url}  {one.zone}  logs in {one.folder}" for one in plane.masters),
        *(
            f"{one.name}    {one.address}               {one.zone}  logs in {one.folder}, "
            f"inside: nsenter --target {one.system.first_process} --all"
            for one in laboratory.workers
        ),
    ]
    command = shlex.join([str(ensure("kubectl")), "--kubeconfig", str(plane.kubeconfig), "get", "pods", "-A"])
    return "\n".join(
        [
            f"address     {plane.entrance.url}",
            *machines,
            f"kubeconfig  {plane.kubeconfig}",
            *(f"Service     {place}" for place in laboratory.node_ports()),
            f"try         {command}",
            "end         make cluster-down",
        ]
    )
