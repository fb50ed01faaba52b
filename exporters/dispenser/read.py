"""Read one dispenser now and print what it says, with the raw registers."""

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from exporters.dispenser.address import DeviceAddress, parse_address
from exporters.dispenser.decode import Decoded, Discarded, Slot
from exporters.dispenser.device import read_once
from exporters.dispenser.framing import RefusedError
from exporters.dispenser.mapfile import load_map, load_maps
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.raw import columns, parse_registers, raw_module, rows
from exporters.dispenser.registermap import Place, RegisterMap
from exporters.dispenser.request import DEFAULT_MODULE
from exporters.dispenser.tls import TlsSettings, client_context
from tapwatch import log
from tapwatch.errors import ConfigError, Fault, PollError, PollReason, TapwatchError
from tapwatch.process import DurationType, exit_on_faults, program
from tapwatch.table import print_table

_PAGE = "docs/register-maps.md"
_NOT_ITS_MAP = frozenset((1, 2, 3))
"""Modbus exceptions of a device that has not what it was asked for."""


@click.command("read")
@click.argument("address")
@click.option("--map", "map_name", show_default=DEFAULT_MODULE, help="A built-in map's name, or a map file.")
@click.option(
    "--registers",
    metavar="REGISTERS",
    help="Show these as they are, without a map: i input, h holding, c coil, d discrete input, as h0-h19,i0.",
)
@click.option("--swapped", is_flag=True, help="With --registers: the device swaps the two bytes of each register.")
@click.option("--timeout", type=DurationType(), default="5s", show_default=True, help="How long to try.")
@click.option("--tls-ca-file", type=click.Path(path_type=Path), help="Who signed a tls:// gateway's certificate.")
@exit_on_faults
def command(
    address: str,
    map_name: str | None,
    registers: str | None,
    swapped: bool,  # noqa: FBT001 - click's
    timeout: float,
    tls_ca_file: Path | None,
) -> None:
    """Read one dispenser once and print every value with its register.

    A device whose map nobody wrote yet shows its registers as they are with --registers.

    \b
    ADDRESS is HOST[:PORT]/UNIT for Modbus TCP, tls://HOST[:PORT]/UNIT for Modbus/TCP Security,
    rtu+tcp://HOST:PORT/UNIT through a gateway with RTU framing, or a serial line (in quotes, for the shell):
      tapwatch read 10.0.5.7:502/17
      tapwatch read 10.0.5.7:502/17 --registers h0-h19,i0
      tapwatch read rtu+tcp://10.0.5.7:4001/3 --map ./maps/acme.yaml
      tapwatch read 'serial:///dev/ttyUSB0?baudrate=9600&parity=N/17'
    """  # noqa: D301 - click's mark for lines that stay as they are
    log.configure("error")
    places = _places(registers)
    if places and map_name is not None:
        raise click.UsageError("--registers shows registers as they are, and --map what a map makes of them: give one")
    if swapped and not places:
        raise click.UsageError("--swapped is for --registers; a map has `order` for it")
    try:
        device = parse_address(address)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    tls = client_context(TlsSettings(ca_file=tls_ca_file), "--tls-ca-file")
    if places:
        reading = read_once(device, raw_module(places), timeout, tls, most_refusals=2 * len(places))
        _show_registers(device, places, asyncio.run(reading), swapped=swapped)
    else:
        reading = read_once(device, Module(_find_map(map_name or DEFAULT_MODULE)), timeout, tls)
        _show_values(device, asyncio.run(reading), tls_ca_file)


def _places(registers: str | None) -> Sequence[Place]:
    try:
        return () if registers is None else parse_registers(registers)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--registers") from error


def _find_map(name: str) -> RegisterMap:
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        return load_map(path)
    maps = load_maps([])
    if name not in maps:
        known = ", ".join(sorted(maps))
        raise ConfigError(
            [Fault(name, None, "", f"no built-in map has this name (there are: {known}); a file ends in .yaml")]
        )
    return maps[name]


# Through a map.


def _show_values(device: DeviceAddress, result: Probe, tls_ca_file: Path | None) -> None:
    """Print what the map makes of the registers; raises TapwatchError, with what to do next, when that is nothing."""
    if result.decoded:
        print_table(_table(result))
    if result.error is not None:
        message = f"{device} cannot be read ({result.error.reason}): {result.error}"
        raise TapwatchError(message + (_next_step(device, result, tls_ca_file) if _not_its_map(result.error) else ""))
    refused = _refused(result)
    if refused:
        click.echo(f"The device refuses {len(refused)} of the map's values: {', '.join(map(str, refused))}")
    if all(one.rendered.discarded is not None for one in result.decoded):
        message = f"{device} answers, and holds no value of the map {result.module.map.name}"
        raise TapwatchError(message + _next_step(device, result, tls_ca_file))
    click.echo(_cost(device, result))


def _not_its_map(error: PollError) -> bool:
    """Whether the device may be of another model than the map's; some are silent to what they do not know."""
    if isinstance(error, RefusedError):
        return error.code in _NOT_ITS_MAP
    return error.reason in {PollReason.IDENTITY, PollReason.TIMEOUT}


def _next_step(device: DeviceAddress, result: Probe, tls_ca_file: Path | None) -> str:
    trust = () if tls_ca_file is None else ("--tls-ca-file", str(tls_ca_file))
    arguments = shlex.join([str(device), "--registers", "h0-h19", *trust])
    silent = result.error is not None and result.error.reason is PollReason.TIMEOUT
    cause = "Unit number and wiring are right? Then it" if silent else "It"
    return (
        f"\n{cause} may be of another model than the map {result.module.map.name} is for. See what its registers hold, "
        f"those that its manual names, and write a map ({_PAGE}):\n  {program()} read {arguments}"
    )


def _refused(result: Probe) -> Sequence[Place]:
    """Where the values stand that the device does not let be read."""
    decoders = result.module.decoder.values.values()
    found = result.reading.discarded
    return sorted(one.value.place for one in decoders if found.get(one.first_slot) is Discarded.REFUSED)


def _cost(device: DeviceAddress, result: Probe) -> str:
    return f"{device}: {result.requests} requests in {result.seconds * 1000:.0f} ms"


def _table(result: Probe) -> Table:
    table = Table("register", "type", "raw", "metric", "value", box=None, header_style="bold")
    for one in result.decoded:
        first: tuple[str, str, str] = (str(one.value.place), one.value.type, one.raw.hex(" ", 2))
        if one.rendered.discarded is not None:
            table.add_row(*first, one.value.metric.name, str(one.rendered.discarded), style="dim")
            continue
        for slot, text in zip(one.slots, one.rendered.texts, strict=True):
            table.add_row(*first, _series(slot), _shown(one, text or ""))
            first = ("", "", "")
    return table


def _series(slot: Slot) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in slot.labels)
    return f"{slot.metric.name} {labels}".rstrip()


def _shown(one: Decoded, text: str) -> str:
    """Yes or no for a state, and numbers as people write them."""
    if one.value.bits is not None or one.value.enum is not None:
        return "yes" if float(text) else "no"
    return f"{one.value.value_label}={text}" if one.value.value_label else f"{float(text):.15g}"


# As they are.


def _show_registers(device: DeviceAddress, places: Sequence[Place], result: Probe, *, swapped: bool) -> None:
    """Print the registers; raises TapwatchError when the device gave none, or failed on the way."""
    if result.decoded:
        print_table(_raw_table(places, result, swapped=swapped))
    error = result.error
    if isinstance(error, RefusedError) and error.code in _NOT_ITS_MAP and not result.decoded:
        raise TapwatchError(
            f"{device} has none of these registers: {error}; kind and number stand in its manual, and {_PAGE} says how "
            "manuals write them"
        )
    if error is not None:
        raise TapwatchError(f"{device} cannot be read ({error.reason}): {error}")
    click.echo(f"{_cost(device, result)}. To make metrics of registers, write a map: {_PAGE}")


def _raw_table(places: Sequence[Place], result: Probe, *, swapped: bool) -> Table:
    sent = columns(swapped=swapped)
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    table.add_column("register", no_wrap=True)
    for name in sent:
        table.add_column(name, justify="left" if name in {"hex", "text"} else "right", no_wrap=True)
    missing = "not read" if result.error is not None else "refused"
    for row in rows(places, result.decoded, swapped=swapped):
        if row.cells:
            table.add_row(row.place, *(row.cells.get(name, "") for name in sent))
        else:
            table.add_row(row.place, missing, style="dim")
    return table
