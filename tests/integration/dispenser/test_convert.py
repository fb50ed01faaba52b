"""modbus_exporter itself, and ours with the map converted from its settings, read the same server: the same samples."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest
import yaml
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as Cells
from pymodbus.simulator import SimData, SimDevice

from bench.process import running_process
from exporters.dispenser.convert import convert
from exporters.dispenser.modbusyml import DataType, Endianness, read_peer_settings
from laboratory.processes import running
from laboratory.programs.gotools import ensure
from tapwatch.web import free_port

WORDS = [0x3F9D, 0xC1B6, 0x40A2, 0x4123]
"""A finite float of either width in each of the four orders."""
UNIT = 7

Series = tuple[str, tuple[tuple[str, str], ...]]


@pytest.mark.compiled
async def test_the_samples_are_those_that_modbus_exporter_reads(tmp_path: Path) -> None:
    settings = tmp_path / "modbus.yml"
    settings.write_text(
        yaml.safe_dump({"modules": [{"name": "plant", "protocol": "tcp/ip", "metrics": list(metrics())}]}), "utf-8"
    )
    result = convert(read_peer_settings(settings), "0.4.1")
    (tmp_path / "plant.yaml").write_text(result.maps[0].text, encoding="utf-8")
    async with modbus_server() as server:
        theirs = await read_theirs(settings, server)
        ours = await read_ours(tmp_path, server)
    assert len(theirs) == len(list(metrics()))
    assert {series: ours.get(series) for series in theirs} == pytest.approx(theirs, rel=1e-15)


def metrics() -> Iterator[dict[str, Any]]:
    types = [data_type for data_type in get_args(DataType) if data_type not in {"bool", "float16"}]
    for function, (data_type, endianness) in product((3, 4), product(types, get_args(Endianness))):
        labels = {"type": data_type, "order": endianness, "function": str(function)}
        place = int(
            data_type[-2:]
        )  # each width has a place of its own, as values must not share some of their registers
        yield metric("value", f"{function}000{place}", data_type, labels=labels, endianness=endianness, factor=0.1)
    for bit in range(8):
        yield metric("bit", "300001", "bool", labels={"bit": str(bit)}, bitOffset=bit)
        yield metric(f"single_bit_{bit}", "400002", "bool", bitOffset=bit)
    for number in range(16):
        yield metric("coil", f"1{number:05}", "bool", labels={"coil": str(number)}, bitOffset=0)
        yield metric("input", f"2{number:05}", "bool", labels={"input": str(number)}, bitOffset=0)
    yield metric("turns_total", "300002", "uint16", metricType="counter")
    yield metric("turns", "300002", "uint16", metricType="counter")


def metric(name: str, address: str, data_type: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    given = {"name": name, "help": f"{name}.", "address": int(address), "dataType": data_type, "metricType": "gauge"}
    return given | more


@asynccontextmanager
async def modbus_server() -> AsyncIterator[int]:
    coils = [SimData(0, values=[number % 3 == 0 for number in range(16)], datatype=Cells.BITS)]
    inputs = [SimData(0, values=[number % 5 == 0 for number in range(16)], datatype=Cells.BITS)]
    words = [SimData(0, values=WORDS * 20, datatype=Cells.REGISTERS)]
    port = free_port()
    server = ModbusTcpServer(SimDevice(UNIT, (coils, inputs, words, words)), address=("127.0.0.1", port))
    await server.listen()
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus'


async def read_theirs(settings: Path, server: int) -> dict[Series, float]:
    url = f"http://127.0.0.1:{free_port()}"
    options = [f"--config.file={settings}", f"--web.listen-address={url.removeprefix('http://')}"]
    async with (
        running_process([str(ensure("modbus_exporter")), *options], f"{url}/metrics"),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/modbus?target=127.0.0.1:{server}&sub_target={UNIT}&module=plant") as response,
    ):
        return samples(await response.text())


async def read_ours(folder: Path, server: int) -> dict[Series, float]:
    settings = folder / "exporter.yaml"
    settings.write_text("maps: [plant.yaml]", encoding="utf-8")
    async with running(folder, "dispenser-exporter", f"--config.file={settings}") as exporter:
        _, text = await exporter.get(f"/probe?target=127.0.0.1:{server}/{UNIT}&module=plant")
        return samples(text)


def samples(text: str) -> dict[Series, float]:
    """All but the label that modbus_exporter gives to every series, and Prometheus' discovery to ours.

    By hand, since prometheus-client's parser renames counters that do not end in _total.
    """
    found: dict[Series, float] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([^ #{]+)(?:\{(.*)\})? (\S+)", line)
        if match is not None:
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            labels.pop("module", None)
            found[match[1], tuple(sorted(labels.items()))] = float(match[3])
    return found
