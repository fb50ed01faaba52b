"""Read one dispenser now and print what it says, with the raw registers."""

import asyncio
from pathlib import Path

import click
from rich.table import Table

from exporters.dispenser.address import parse_address
from exporters.dispenser.decode import Decoded, Slot
from exporters.dispenser.device import read_once
from exporters.dispenser.mapfile import load_map, load_maps
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import RegisterMap
from exporters.dispenser.tls import TlsSettings, client_context
from tapwatch import log
from tapwatch.errors import ConfigError, Fault, TapwatchError
from tapwatch.process import DurationType, exit_on_faults
from tapwatch.table import print_table


@click.command("read")
@click.argument("address")
@click.option("--map", "map_name", default="default", show_default=True, help="A built-in map's name, or a map file.")
@click.option("--timeout", type=DurationType(), default="5s", show_default=True, help="How long to try.")
@click.option("--tls-ca-file", type=click.Path(path_type=Path), help="Who signed a tls:// gateway's certificate.")
@exit_on_faults
def command(address: str, map_name: str, timeout: float, tls_ca_file: Path | None) -> None:
    """Read one dispenser once and print every value with its register.

    \b
    ADDRESS is HOST[:PORT]/UNIT for Modbus TCP, tls://HOST[:PORT]/UNIT for Modbus/TCP Security,
    rtu+tcp://HOST:PORT/UNIT through a gateway with RTU framing, or a serial line (in quotes, for the shell):
      tapwatch read 10.0.5.7:502/17
      tapwatch read rtu+tcp://10.0.5.7:4001/3 --map ./maps/acme.yaml
      tapwatch read 'serial:///dev/ttyUSB0?baudrate=9600&parity=N/17'
    """  # noqa: D301 - click's mark for lines that stay as they are
    log.configure("error")
    try:
        device = parse_address(address)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    tls = client_context(TlsSettings(ca_file=tls_ca_file), "--tls-ca-file")
    result = asyncio.run(read_once(device, Module(_find_map(map_name)), timeout, tls))
    if result.decoded:
        print_table(_table(result))
    if result.error is not None:
        raise TapwatchError(f"{device} cannot be read ({result.error.reason}): {result.error}")
    click.echo(f"{device}: {result.requests} requests in {result.seconds * 1000:.0f} ms")


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
