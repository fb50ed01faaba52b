"""Simulate a campus of dispensers behind Modbus gateways, and break them while it runs."""

import asyncio
import contextlib
import http.client
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import click
from rich.table import Table

from exporters.dispenser.simulator.campus import Campus, Layout
from exporters.dispenser.simulator.control import control_service
from exporters.dispenser.simulator.faults import DESCRIPTIONS, Fault
from exporters.dispenser.simulator.gateway import LARGEST_UNIT
from tapwatch import log
from tapwatch.errors import TapwatchError
from tapwatch.log import LogFormat
from tapwatch.process import AddressType, DurationType, exit_on_faults
from tapwatch.table import print_table
from tapwatch.web import Address, serve

DEFAULT_PORT = 9810

_FAULT = click.Choice([str(fault) for fault in Fault])


_url = click.option(
    "--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", show_default=True, help="Where the simulation listens."
)


@click.group("simulate", invoke_without_command=True)
@click.option("--dispensers", type=click.IntRange(1, 20000), default=24, show_default=True, help="How many.")
@click.option(
    "--units-per-gateway",
    type=click.IntRange(1, LARGEST_UNIT),
    default=8,
    show_default=True,
    help="Units on one line.",
)
@click.option(
    "--rtu-share",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    help="Share of gateways with RTU frames.",
)
@click.option(
    "--modbus-port",
    type=click.IntRange(0, 65535),
    default=15020,
    show_default=True,
    help="First gateway's; the others take the next free ones. 0: any free.",
)
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=1, show_default=True, help="Simulated time's speed.")
@click.option("--seed", default=1, show_default=True, help="Another number, another campus.")
@click.option(
    "--slow-seconds",
    type=click.FloatRange(0, 3600),
    default=3,
    show_default=True,
    help="How late a slow unit's answers are.",
)
@click.option(
    "--inventory", type=click.Path(dir_okay=False, path_type=Path), help="Write the exporter's inventory here."
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
    listen_address: Address,
    log_format: LogFormat,
    **layout: Any,  # noqa: ANN401 - click has checked each one
) -> None:
    """Simulate a campus of dispensers behind Modbus TCP and RTU-over-TCP gateways on loopback.

    \b
    In one terminal:   tapwatch simulate --inventory dispensers.yaml
    In another:        tapwatch simulate list
                       tapwatch simulate inject leak lib-1f-east --for 30s
                       tapwatch simulate clear --all
    """  # noqa: D301 - click's mark for lines that stay as they are
    if ctx.invoked_subcommand is None:
        log.configure("info", log_format)
        asyncio.run(_simulate(Layout(**layout), inventory, listen_address))


async def _simulate(layout: Layout, inventory: Path | None, address: Address) -> None:
    async with Campus.start(layout) as campus:
        if inventory is not None:
            campus.write_inventory(inventory)
        for gateway in campus.gateways:
            click.echo(f"{gateway.gateway}  {len(gateway.units)} units")
        first = next(iter(campus.dispensers.values()))
        click.echo(f"{len(campus.dispensers)} dispensers. Read one:  tapwatch read {first.unit.address}")
        click.echo(f"Break one:  tapwatch simulate inject leak {first.name} --url http://{address}")
        await serve(control_service(campus), address, None)


@command.command("faults")
def list_faults() -> None:
    """The faults there are."""
    for fault, text in DESCRIPTIONS.items():
        click.echo(f"{fault:16} {text}")


@command.command("list")
@_url
@exit_on_faults
def list_dispensers(url: str) -> None:
    """The dispensers of the running simulation, and their faults."""
    table = Table("name", "site", "building", "floor", "address", "hot °C", "faults", box=None, header_style="bold")
    for one in _ask("GET", f"{url}/dispensers"):
        place = (one["site"], one["building"], one["floor"], one["address"], f"{one['hot_celsius']:.1f}")
        table.add_row(one["name"], *place, ", ".join(one["faults"]))
    print_table(table)


@command.command()
@click.argument("fault", type=_FAULT)
@click.argument("dispensers", metavar="DISPENSERS...", nargs=-1, required=True)
@click.option("--after", "delay", type=DurationType(), help="Wait first, as 10s.")
@click.option("--for", "duration", type=DurationType(), help="Clear it again after this time, as 30s, or at Ctrl-C.")
@_url
@exit_on_faults
def inject(fault: str, dispensers: tuple[str, ...], delay: float | None, duration: float | None, url: str) -> None:
    """Inject FAULT into DISPENSERS of the running simulation."""
    places = [_place(url, name) for name in dispensers]
    for place in places:
        _ask("GET", place)  # a wrong name is told before anything is broken
    time.sleep(delay or 0)
    with contextlib.ExitStack() as afterwards:
        if duration is not None:
            afterwards.callback(_clear, fault, dispensers, url)
        for place in places:
            _ask("POST", f"{place}/faults/{fault}")
        click.echo(f"{', '.join(dispensers)}: {DESCRIPTIONS[Fault(fault)]}")
        time.sleep(duration or 0)


@command.command()
@click.argument("what", metavar="[FAULT] DISPENSERS...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every fault of every dispenser.")
@_url
@exit_on_faults
def clear(what: tuple[str, ...], everything: bool, url: str) -> None:  # noqa: FBT001 - click's
    """Clear FAULT of DISPENSERS, all their faults where none is named, or everything with --all."""
    fault, dispensers = (what[0], what[1:]) if what and what[0] in DESCRIPTIONS else (None, what)
    if everything == bool(what) or (fault and not dispensers):
        raise click.UsageError("say which: `clear FAULT DISPENSER...`, `clear DISPENSER...` or `clear --all`")
    if everything:
        cleared = _ask("DELETE", f"{url}/faults")["cleared"]
        click.echo(f"cleared: {', '.join(cleared) or 'there was nothing'}")
    _clear(fault, dispensers, url)


def _clear(fault: str | None, dispensers: tuple[str, ...], url: str) -> None:
    for name in dispensers:
        _ask("DELETE", f"{_place(url, name)}/faults" + (f"/{fault}" if fault else ""))
        click.echo(f"{name}: {fault} is cleared" if fault else f"{name}: every fault is cleared")


def _place(url: str, name: str) -> str:
    return f"{url}/dispensers/{quote(name, safe='')}"


def _ask(method: str, url: str) -> Any:  # noqa: ANN401 - JSON
    """The running simulation's answer; raises TapwatchError with its sentence, or that none runs there."""
    return asyncio.run(_request(method, url))


async def _request(method: str, url: str) -> Any:  # noqa: ANN401 - JSON
    timeout = aiohttp.ClientTimeout(10)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.request(method, url) as response:
            if response.status != http.client.OK:
                raise TapwatchError((await response.text()).strip())
            return await response.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TapwatchError(f"no simulation answers at {url}; start one: tapwatch simulate") from error
