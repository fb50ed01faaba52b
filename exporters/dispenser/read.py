"""Read one dispenser now and print what it says, with the raw registers."""

import asyncio
from pathlib import Path

import click
from prometheus_client import CollectorRegistry
from rich.table import Table

from exporters.dispenser.address import parse_address
from exporters.dispenser.decode import Decoded, Sample
from exporters.dispenser.mapfile import load_map, load_maps
from exporters.dispenser.modbus import Line, LineMetrics
from exporters.dispenser.plan import plan_reads
from exporters.dispenser.probe import Module, Probe, probe
from exporters.dispenser.registermap import RegisterMap
from tapwatch import log
from tapwatch.errors import ConfigError, Fault, TapwatchError
from tapwatch.process import DurationType, exit_on_faults
from tapwatch.table import print_table


@click.command("read")
@click.argument("address")
@click.option("--map", "map_name", default="default", show_default=True, help="A built-in map's name, or a map file.")
@click.option("--timeout", type=DurationType(), default="5s", show_default=True, help="How long to try.")
@exit_on_faults
def command(address: str, map_name: str, timeout: float) -> None:
    """Read one dispenser once and print every value with its register.

    \b
    ADDRESS is HOST[:PORT]/UNIT for Modbus TCP, or rtu+tcp://HOST:PORT/UNIT through a gateway with RTU framing:
      tapwatch read 10.0.5.7:502/17
      tapwatch read rtu+tcp://10.0.5.7:4001/3 --map ./maps/acme.yaml
    """  # noqa: D301 - click's mark for lines that stay as they are
    log.configure("error")
    try:
        device = parse_address(address)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    register_map = _find_map(map_name)
    line = Line(device.gateway, LineMetrics(CollectorRegistry()))
    result = asyncio.run(_read(line, device.unit, Module(register_map, plan_reads(register_map)), timeout))
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


async def _read(line: Line, unit: int, module: Module, seconds: float) -> Probe:
    try:
        return await probe(line, unit, module, seconds, seconds)
    finally:
        line.close()


def _table(result: Probe) -> Table:
    table = Table("register", "type", "raw", "metric", "value", box=None, header_style="bold")
    for one in result.decoded:
        raw = one.raw.hex(" ", 2)
        first: tuple[str, str, str] = (str(one.value.place), one.value.type, raw)
        if not one.samples:
            table.add_row(*first, one.value.metric.name, str(one.discarded), style="dim")
        for sample in one.samples:
            table.add_row(*first, _series(sample), _text(one, sample))
            first = ("", "", "")
    return table


def _series(sample: Sample) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sample.labels)
    return f"{sample.metric.name} {labels}".rstrip()


def _text(one: Decoded, sample: Sample) -> str:
    return "yes" if one.value.bits and sample.value else "no" if one.value.bits else f"{sample.value:.10g}"
