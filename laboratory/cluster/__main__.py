"""The control plane and the cluster of the tests, to try things by hand: `python -m laboratory.cluster --help`."""

import shlex
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from laboratory.cluster.command import cluster
from laboratory.kubernetes.kwok import nodes_kept_alive
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.kubernetes.population import Population, populated
from laboratory.programs.gotools import ensure
from tapwatch.errors import TapwatchError


@click.group()
def main() -> None:
    """A real, highly available control plane on this machine, alone or with workers, as the tests use it."""


main.add_command(cluster)


@main.command()
@click.option("--nodes", type=click.IntRange(0), default=0, help="Nodes that kwok keeps alive.")
@click.option("--pods", type=click.IntRange(0), default=0, help="Pods on them, in tens.")
def up(nodes: int, pods: int) -> None:
    """Bring it up, print where it is, and keep it until Ctrl-C. Needs root."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job does not have
    started = time.monotonic()
    with ExitStack() as running:
        try:
            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="tapwatch-cluster-"))
            plane = running.enter_context(HighlyAvailable.start(Path(folder) / "plane"))
            if nodes:
                running.enter_context(populated(plane, Population("shop", nodes, pods // 10, replicas=10)))
                running.enter_context(nodes_kept_alive(plane))
        except TapwatchError as error:
            raise click.ClickException(str(error)) from error
        click.echo(_describe(plane))
        click.echo(f"Up after {time.monotonic() - started:.1f} s. Ctrl-C ends it and removes everything.")
        signal.pause()


def _describe(plane: HighlyAvailable) -> str:
    masters = "\n".join(
        f"{master.name}    {master.api.url}  {master.zone}  logs in {master.folder}, "
        f"inside: nsenter --target {master.machine.holder.pid} --net --uts"
        for master in plane.masters
    )
    authority, certificate, key = plane.etcd_credentials
    kubectl = shlex.join(
        [str(ensure("kubectl")), "--kubeconfig", str(plane.kubeconfig), "get", "--raw", "/readyz?verbose"]
    )
    return f"""\
address     {plane.entrance.url}
{masters}
kubeconfig  {plane.kubeconfig}
etcd        https://MASTER:2379, authority {authority}, client {certificate} and {key}
try         {kubectl}"""


if __name__ == "__main__":
    main()
