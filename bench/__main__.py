"""`make bench`: our exporters beside their peers, on the same simulated fleets and cluster, in the same run."""

import time
from pathlib import Path

import click

from bench.parts import cluster, day, dead, delay, exchanges, gateway, line, probe, scale, storm, zabbix
from bench.run import Run
from tapwatch.process import exit_on_faults

_EXECUTABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PARTS = (probe.command, gateway.command, exchanges.command, line.command, scale.command, dead.command, cluster.command)
_DINGTALK = (storm.command, day.command, delay.command)


@click.group(invoke_without_command=True)
@click.option("--modbus-exporter", type=_EXECUTABLE, help="Its executable; without it our figures stand alone.")
@click.option("--telegraf", type=_EXECUTABLE, help="The same.")
@click.option("--alertmanager", type=_EXECUTABLE, help="Its executable, for the parts about DingTalk.")
@click.option(
    "--profile",
    "profiles",
    type=click.Path(file_okay=False, path_type=Path),
    help="Sample where our exporter's CPU time goes, into this folder.",
)
@click.pass_context
def main(context: click.Context, /, **options: Path | None) -> None:
    """Measure our exporters and their peers, on simulated fleets and a cluster; every part when none is named.

    Absolute times depend on the machine and on what else it does; the ratios of one run hold.
    """
    context.obj = Run(**options)
    if context.invoked_subcommand is not None:
        return
    started = time.monotonic()
    for command in (*_PARTS, *_DINGTALK) if context.obj.alertmanager else _PARTS:
        context.invoke(command)
    click.echo(f"All parts took {time.monotonic() - started:.0f} s.", err=True)


# Zabbix needs root and has no peer: it is measured when it is named.
for _command in (*_PARTS, *_DINGTALK, zabbix.command):
    main.add_command(_command)


if __name__ == "__main__":
    exit_on_faults(main)(prog_name="python -m bench")
