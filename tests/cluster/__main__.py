"""`python -m tests.cluster up`: the control plane of the tests, to try things by hand."""

import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from tapwatch.errors import TapwatchError
from tests.cluster.plane import HighlyAvailable
from tests.servers.gotools import ensure


@click.group()
def main() -> None:
    """A real, highly available control plane on this machine, as the tests use it."""


@main.command()
def up() -> None:
    """Bring it up, print where it is, and keep it until Ctrl-C. Needs root."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    started = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tapwatch-cluster-") as folder,
            HighlyAvailable.start(Path(folder) / "plane") as plane,
        ):
            click.echo(_describe(plane))
            click.echo(f"Up after {time.monotonic() - started:.1f} s. Ctrl-C ends it and removes everything.")
            signal.pause()
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


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
