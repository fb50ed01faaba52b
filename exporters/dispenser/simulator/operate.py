"""The commands that break and mend the running simulation, over its HTTP interface."""

import asyncio
import contextlib
import http.client
import time
from typing import Any
from urllib.parse import quote

import aiohttp
import click
from rich.table import Table

from exporters.dispenser.simulator.faults import DESCRIPTIONS, Fault
from exporters.dispenser.simulator.options import traits_of, traits_options
from tapwatch.errors import TapwatchError
from tapwatch.process import DurationType, exit_on_faults
from tapwatch.table import print_table

DEFAULT_PORT = 9810

_FAULT = click.Choice([str(fault) for fault in Fault])

_url = click.option(
    "--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", show_default=True, help="Where the simulation listens."
)


@click.command("faults")
def list_faults() -> None:
    """The faults there are."""
    for fault, text in DESCRIPTIONS.items():
        click.echo(f"{fault:18} {text}")


@click.command("list")
@_url
@exit_on_faults
def list_dispensers(url: str) -> None:
    """The dispensers of the running simulation, and their faults."""
    table = Table("name", "site", "building", "floor", "address", "hot °C", "faults", box=None, header_style="bold")
    for one in _ask("GET", f"{url}/dispensers"):
        place = (one["site"], one["building"], one["floor"], one["address"], f"{one['hot_celsius']:.1f}")
        table.add_row(one["name"], *place, ", ".join(one["faults"]))
    print_table(table)


@click.command()
@click.argument("fault", type=_FAULT)
@click.argument("dispensers", metavar="DISPENSERS...", nargs=-1, required=True)
@click.option("--after", "delay", type=DurationType(), help="Wait first, as 10s.")
@click.option("--for", "duration", type=DurationType(), help="Clear it again after this time, as 30s, or at Ctrl-C.")
@_url
@exit_on_faults
def inject(fault: str, dispensers: tuple[str, ...], delay: float | None, duration: float | None, url: str) -> None:
    """Inject FAULT into DISPENSERS of the running simulation."""
    places = _places(url, dispensers)
    time.sleep(delay or 0)
    with contextlib.ExitStack() as afterwards:
        if duration is not None:
            afterwards.callback(_clear, fault, dispensers, url)
        for place in places:
            _ask("POST", f"{place}/faults/{fault}")
        click.echo(f"{', '.join(dispensers)}: {DESCRIPTIONS[Fault(fault)]}")
        time.sleep(duration or 0)


@click.command()
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


@click.command()
@click.argument("dispensers", metavar="DISPENSERS...", nargs=-1, required=True)
@traits_options
@_url
@exit_on_faults
def traits(dispensers: tuple[str, ...], url: str, **options: Any) -> None:  # noqa: ANN401 - click has checked each one
    """Make DISPENSERS as difficult as the options say, and no more than that: easy without any."""
    wanted = traits_of(**options).model_dump(mode="json")
    for place, name in zip(_places(url, dispensers), dispensers, strict=True):
        set_now = _ask("PUT", f"{place}/traits", wanted)["traits"]
        click.echo(f"{name}: " + (", ".join(f"{key} {_shown(value)}" for key, value in set_now.items()) or "easy"))


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _clear(fault: str | None, dispensers: tuple[str, ...], url: str) -> None:
    for name in dispensers:
        _ask("DELETE", f"{_place(url, name)}/faults" + (f"/{fault}" if fault else ""))
        click.echo(f"{name}: {fault} is cleared" if fault else f"{name}: every fault is cleared")


def _places(url: str, dispensers: tuple[str, ...]) -> list[str]:
    """Where each is, after asking for all of them: a wrong name is told before anything is broken."""
    places = [_place(url, name) for name in dispensers]
    for place in places:
        _ask("GET", place)
    return places


def _place(url: str, name: str) -> str:
    return f"{url}/dispensers/{quote(name, safe='')}"


def _ask(method: str, url: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """The running simulation's answer; raises TapwatchError with its sentence, or that none runs there."""
    return asyncio.run(_request(method, url, body))


async def _request(method: str, url: str, body: object) -> Any:  # noqa: ANN401 - JSON
    timeout = aiohttp.ClientTimeout(10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, json=body) as response,
        ):
            if response.status != http.client.OK:
                raise TapwatchError((await response.text()).strip())
            return await response.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TapwatchError(f"no simulation answers at {url}; start one: tapwatch simulate") from error
