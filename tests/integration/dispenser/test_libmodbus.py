"""The exporter reads devices that others wrote, libmodbus' and pymodbus', over every transport: every kind of value."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from exporters.dispenser.address import Gateway, Transport
from laboratory.modbus.libmodbus import LibmodbusServer, libmodbus_on_a_line, libmodbus_server
from laboratory.modbus.plant import Registers, Series, series, the_map, the_registers, the_samples
from laboratory.modbus.pymodbus_server import pymodbus_server
from laboratory.processes import Running, run_to_end, running

pytestmark = pytest.mark.compiled

UNITS: Mapping[int, Registers] = {unit: the_registers(unit) for unit in (1, 2)}

LIBMODBUS: tuple[Transport, ...] = ("tcp", "rtu+tcp", "serial")
PYMODBUS: tuple[Transport, ...] = ("tcp", "tls", "rtu+tcp", "serial")
SERVERS = [*(("libmodbus", transport) for transport in LIBMODBUS), *(("pymodbus", one) for one in PYMODBUS)]

INVENTORY_LABELS = ("dispenser", "site", "module", "gateway", "instance")


def libmodbus(transport: Transport) -> AbstractAsyncContextManager[LibmodbusServer]:
    """Libmodbus' server of the units."""
    if transport == "serial":
        return libmodbus_on_a_line(UNITS)
    return libmodbus_server(UNITS, framing="rtu+tcp" if transport == "rtu+tcp" else "tcp")


@asynccontextmanager
async def device_of(library: str, transport: Transport, folder: Path) -> AsyncIterator[Gateway]:
    """Units 1 and 2, and who may be trusted in `ca.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    if library == "pymodbus":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        async with pymodbus_server(UNITS, transport, tls) as gateway:
            yield gateway
    else:
        async with libmodbus(transport) as server:
            yield server.gateway


@asynccontextmanager
async def exporter_of(gateway: Gateway, folder: Path, more: str = "", *units: int) -> AsyncIterator[Running]:
    """An exporter that knows the device by its map."""
    (folder / "plant.yaml").write_text(the_map(), encoding="utf-8")
    rows = [
        {"name": f"unit-{unit}", "site": "main", "module": "plant", "address": f"{gateway}/{unit}"}
        for unit in units or (1, 2)
    ]
    (folder / "dispensers.yaml").write_text(json.dumps({"dispensers": rows}), encoding="utf-8")
    settings = folder / "settings.yaml"
    if (folder / "ca.pem").exists():
        more += "tls: {ca_file: ./ca.pem}\n"
    settings.write_text(f"maps: [./plant.yaml]\ninventory: [./dispensers.yaml]\n{more}", encoding="utf-8")
    async with running(folder, "dispenser-exporter", f"--config.file={settings}") as exporter:
        yield exporter


def samples(text: str, prefix: str = "plant_", **wanted: str) -> dict[Series, float]:
    """Those of a page that have the wanted labels, without the inventory's."""
    return {
        series(sample.name, {name: one for name, one in sample.labels.items() if name not in INVENTORY_LABELS}): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(prefix) and wanted.items() <= sample.labels.items()
    }


async def probe(exporter: Running, gateway: Gateway, unit: int) -> str:
    status, text = await exporter.get(f"/probe?target={quote(f'{gateway}/{unit}', safe='')}&module=plant")
    assert status == 200, text
    return text


@pytest.mark.parametrize(("library", "transport"), SERVERS)
async def test_every_kind_of_value_is_read_as_it_was_laid_out(
    library: str, transport: Transport, tmp_path: Path
) -> None:
    async with device_of(library, transport, tmp_path) as gateway, exporter_of(gateway, tmp_path) as exporter:
        for _ in range(3):  # holes are learned by the first, and avoided by the others
            for unit in (1, 2):
                text = await probe(exporter, gateway, unit)
                assert samples(text) == the_samples(unit)
                own = samples(text, "dispenser_")
                assert own["dispenser_up", ()] == 1
                for reason, number in {"not_available": 6, "out_of_range": 2}.items():
                    found = own[series("dispenser_probe_discarded_values", {"reason": reason})]
                    assert found == number, (reason, text)
        page = (await exporter.get(f"/gateway?target={quote(str(gateway), safe='')}"))[1]
        for unit in (1, 2):
            assert samples(page, dispenser=f"unit-{unit}") == the_samples(unit)
        assert "tapwatch_gateway_connections_total 1.0" in await exporter.metrics()


@pytest.mark.parametrize(("library", "transport"), SERVERS)
async def test_read_shows_every_kind_of_value(library: str, transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(the_map(), encoding="utf-8")
    async with device_of(library, transport, tmp_path) as gateway:
        arguments = [f"--map={tmp_path / 'plant.yaml'}", f"--tls-ca-file={tmp_path / 'ca.pem'}"]
        status, out, err = await run_to_end("read", f"{gateway}/1", *arguments)
    assert (status, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    numbers = [row[-1] for row in rows if "kind=u32," in row]
    assert numbers == ["4000000001"] * 8, "in four orders, twice"
    assert out.count("not_available") == 6
    assert out.count("out_of_range") == 2
    assert out.count("name=Trinkbrunnen é7") == 4
    assert [row[-1] for row in rows if row[:1] and row[0] in {"c0", "c1", "d0", "d1"}] == ["1", "0", "0", "1"]


@pytest.mark.parametrize("transport", LIBMODBUS)
async def test_a_unit_that_libmodbus_does_not_have_is_down_and_the_others_up(
    transport: Transport, tmp_path: Path
) -> None:
    async with (
        device_of("libmodbus", transport, tmp_path) as gateway,
        exporter_of(gateway, tmp_path, "timeout: 300ms\n", 1, 2, 9) as exporter,
    ):
        for _ in range(3):
            page = (await exporter.get(f"/gateway?target={quote(str(gateway), safe='')}"))[1]
            assert {unit: samples(page, "dispenser_up", dispenser=f"unit-{unit}") for unit in (1, 2, 9)} == {
                unit: {("dispenser_up", ()): float(unit != 9)} for unit in (1, 2, 9)
            }
            failed = samples(page, "dispenser_probe_failure_info")
            assert list(failed) == [series("dispenser_probe_failure_info", {"reason": "timeout"})]
            assert samples(page, dispenser="unit-2") == the_samples(2)


@pytest.mark.parametrize("transport", LIBMODBUS)
async def test_what_changes_in_the_device_is_seen_by_the_next_scrape(transport: Transport, tmp_path: Path) -> None:
    """No reading is kept that the map does not allow to be."""
    async with libmodbus(transport) as server, exporter_of(server.gateway, tmp_path) as exporter:
        assert samples(await probe(exporter, server.gateway, 1)) == the_samples(1)
        await server.hold({1: the_registers(2)})
        assert samples(await probe(exporter, server.gateway, 1)) == the_samples(2)
        await server.hold({1: {"h0": [0x4142]}})
        text = await probe(exporter, server.gateway, 1)
        assert samples(text) == {}, "another device"
        assert 'dispenser_probe_failure_info{reason="identity"} 1.0' in text
