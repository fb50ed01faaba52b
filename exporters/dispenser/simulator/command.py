"""Simulate a campus of dispensers behind Modbus gateways, and break them while it runs."""

import asyncio
import shlex
from pathlib import Path
from typing import Any

import click

from exporters.dispenser.simulator import operate
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.control import control_service
from exporters.dispenser.simulator.layout import Layout
from exporters.dispenser.simulator.operate import DEFAULT_PORT
from exporters.dispenser.simulator.options import layout_of, layout_options
from tapwatch import log
from tapwatch.log import LogFormat
from tapwatch.process import AddressType, exit_on_faults, program
from tapwatch.web import Address, serve

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("simulate", invoke_without_command=True)
@layout_options
@click.option("--inventory", type=_FILE, help="Write the exporter's inventory here.")
@click.option(
    "--tls-ca-file", type=_FILE, help="Write what clients of TLS gateways trust here. [default: ca.pem beside it]"
)
@click.option(
    "--web.listen-address",
    "listen_address",
    type=AddressType(),
    default=f"127.0.0.1:{DEFAULT_PORT}",
    show_default=True,
    help="Where faults are injected over HTTP.",
)
@click.option("--log.format", "log_format", type=click.Choice(["auto", "json", "console"]), default="auto")
@click.pass_context
@exit_on_faults
def command(
    ctx: click.Context,
    inventory: Path | None,
    tls_ca_file: Path | None,
    listen_address: Address,
    log_format: LogFormat,
    **options: Any,  # noqa: ANN401 - click has checked each one
) -> None:
    """Simulate a campus of dispensers behind Modbus gateways on loopback: TCP, TLS, RTU over TCP, serial lines.

    \b
    In one terminal:   tapwatch simulate --inventory dispensers.yaml
    In another:        tapwatch simulate list
                       tapwatch simulate inject leak lib-1f-east --for 30s
                       tapwatch simulate clear --all
    """  # noqa: D301 - click's mark for lines that stay as they are
    if ctx.invoked_subcommand is not None:
        return
    layout = layout_of(**options)
    authority = tls_ca_file or (inventory.with_name("ca.pem") if inventory is not None else None)
    if layout.tls_share and authority is None:
        raise click.UsageError("clients must trust TLS gateways: say --tls-ca-file, or --inventory")
    log.configure("info", log_format)
    asyncio.run(_simulate(layout, inventory, authority, listen_address))


for subcommand in (operate.list_faults, operate.list_dispensers, operate.inject, operate.clear, operate.traits):
    command.add_command(subcommand)


async def _simulate(layout: Layout, inventory: Path | None, authority: Path | None, address: Address) -> None:
    async with Campus.start(layout) as campus:
        if campus.authority is not None and authority is not None:
            campus.authority.write(authority)
        if inventory is not None:
            campus.write_inventory(inventory)
        for gateway in campus.gateways:
            click.echo(f"{gateway.gateway}  {len(gateway.units)} units")
        _print_next_steps(campus, authority, address)
        await serve(control_service(campus), address, None)


def _print_next_steps(campus: Campus, authority: Path | None, address: Address) -> None:
    """Print commands to read and to break a dispenser, as a shell takes them."""
    # Without TLS, where there is one, as it needs no trust.
    first = min(campus.dispensers.values(), key=lambda one: one.gateway.gateway.transport == "tls")
    needs_trust = first.gateway.gateway.transport == "tls" and authority is not None
    trust = ("--tls-ca-file", str(authority)) if needs_trust else ()
    reading = shlex.join([str(first.unit.address), *trust])
    url = f"http://{address if address.host else Address('127.0.0.1', address.port)}"
    click.echo(f"{len(campus.dispensers)} dispensers. Read one:  {program()} read {reading}")
    click.echo(f"Break one:  {program()} simulate inject leak {first.name} --url {url}")
