"""The exporter beside a simulated campus of every transport, as Prometheus scrapes it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families

from exporters.dispenser.exporter import Exporter
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.layout import Layout
from laboratory.processes import Serving, run_to_end, serving

MIXED = Layout(dispensers=16, units_per_gateway=4, rtu_share=0.34, tls_share=0.33, serial_lines=1, speed=0)


@asynccontextmanager
async def scraped(layout: Layout, folder: Path, settings: str = "") -> AsyncIterator[tuple[Campus, Serving]]:
    """A campus, and an exporter that knows it."""
    async with Campus.start(layout) as campus:
        campus.write_inventory(folder / "dispensers.yaml")
        if campus.authority is not None:
            campus.authority.write(folder / "ca.pem")
            settings += "tls: {ca_file: ./ca.pem}\n"
        (folder / "settings.yaml").write_text("inventory: [./dispensers.yaml]\n" + settings, encoding="utf-8")
        async with serving(Exporter(folder / "settings.yaml").service) as url:
            yield campus, Serving(url)


async def gateway_page(exporter: Serving, gateway: object, **headers: str) -> str:
    status, text = await exporter.get(f"/gateway?target={quote(str(gateway), safe='')}", **headers)
    assert status == 200, text
    return text


def up(text: str) -> Mapping[str, float]:
    """Whether each dispenser of a page is up."""
    return {
        sample.labels["dispenser"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dispenser_up"
    }


def reasons(text: str) -> Mapping[str, str]:
    return {
        sample.labels["dispenser"]: sample.labels["reason"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dispenser_probe_failure_info"
    }


async def test_every_dispenser_is_read_over_every_transport(tmp_path: Path) -> None:
    async with scraped(MIXED, tmp_path) as (campus, exporter):
        transports = {one.gateway.transport for one in campus.gateways}
        assert transports == {"tcp", "tls", "rtu+tcp", "serial"}
        for target in json.loads((await exporter.get("/sd"))[1]):
            (address,) = target["targets"]
            _, text = await exporter.get(f"/probe?target={quote(address, safe='')}")
            assert "dispenser_up 1.0\n" in text, (address, text[:300])
            assert "dispenser_probe_requests 1.0\n" in text
        metrics = await exporter.metrics()
        assert "tapwatch_gateway_connections_total 4.0" in metrics
        assert "tapwatch_modbus_requests_total 16.0" in metrics


async def test_a_whole_gateway_is_one_page_with_each_units_labels(tmp_path: Path) -> None:
    async with scraped(MIXED, tmp_path) as (campus, exporter):
        groups = json.loads((await exporter.get("/sd/gateways"))[1])
        assert [group["targets"] for group in groups] == [[str(one.gateway)] for one in campus.gateways]
        for group in groups:
            assert group["labels"]["site"] == "main-campus"
            text = await gateway_page(exporter, *group["targets"])
            assert list(up(text).values()) == [1.0] * 4
            samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
            assert len(samples) == 4 * (62 + len(("up", "duration", "requests")))
            by_name = {one["name"]: one for one in (each.entry for each in campus.dispensers.values())}
            for sample in samples:
                entry = by_name[sample.labels["dispenser"]]
                assert sample.labels["instance"] == entry["address"]
                assert sample.labels["gateway"] == group["targets"][0]
                assert {name: sample.labels[name] for name in ("site", "building", "floor", "module")} == {
                    name: entry[name] for name in ("site", "building", "floor", "module")
                }
        status, text = await exporter.get("/gateway?target=127.0.0.1:1")
        assert (status, text) == (
            400,
            "the inventory has no dispenser behind 127.0.0.1:1; /sd/gateways lists the gateways\n",
        )


async def test_open_metrics_and_gzip_are_for_who_asks_for_them(tmp_path: Path) -> None:
    async with scraped(Layout(dispensers=4, rtu_share=0), tmp_path) as (campus, exporter):
        accept = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
        gateway = campus.gateways[0].gateway
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(f"{exporter.url}/gateway", params={"target": str(gateway)}, headers=accept) as packed,
        ):
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert len(await packed.read()) < 10_000
        text = await gateway_page(exporter, gateway, **accept)
        assert text.endswith("# EOF\n")
        names = {family.name for family in parse_open_metrics(text)}  # type: ignore[no-untyped-call]
        assert "dispenser_energy_joules" in names


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.OFFLINE, "timeout"),
        (Fault.GARBAGE, "garbled"),
        (Fault.WRONG_UNIT, "garbled"),
        (Fault.TRUNCATED, "garbled"),
        (Fault.WRONG_COUNT, "garbled"),
        (Fault.WRONG_FUNCTION, "garbled"),
        (Fault.BUSY, "exception"),
        (Fault.IDENTITY, "identity"),
        (Fault.HALF_OPEN, "timeout"),
    ],
)
@pytest.mark.parametrize("transport", ["tcp", "rtu+tcp", "serial"])
async def test_a_broken_unit_is_down_with_its_reason_and_its_neighbours_are_up(
    fault: Fault, reason: str, transport: str, tmp_path: Path
) -> None:
    rtu, serial = float(transport == "rtu+tcp"), int(transport == "serial")
    layout = Layout(dispensers=3, rtu_share=rtu, serial_lines=serial, speed=0)
    async with scraped(layout, tmp_path, "timeout: 300ms\n") as (campus, exporter):
        (gateway,) = campus.gateways
        assert set(up(await gateway_page(exporter, gateway.gateway)).values()) == {1}
        await campus.inject("lib-1f-east", fault)
        for _ in range(2):
            text = await gateway_page(exporter, gateway.gateway)
            if fault is Fault.HALF_OPEN:
                assert set(reasons(text).values()) == {reason}, "a gateway that hangs takes all its units along"
                continue
            assert up(text) == {"lib-1f-east": 0, "lib-1f-west": 1, "lib-2f-east": 1}
            assert reasons(text) == {"lib-1f-east": reason}


async def test_a_unit_is_back_soon_after_its_fault_is_gone(tmp_path: Path) -> None:
    async with scraped(Layout(dispensers=3, rtu_share=0, speed=0), tmp_path, "timeout: 300ms\n") as (campus, exporter):
        gateway = campus.gateways[0].gateway
        await campus.inject("lib-1f-east", Fault.OFFLINE)
        for _ in range(3):
            assert reasons(await gateway_page(exporter, gateway)) == {"lib-1f-east": "timeout"}
        await campus.clear("lib-1f-east")
        started = time.monotonic()
        while set(up(await gateway_page(exporter, gateway)).values()) != {1}:
            assert time.monotonic() - started < 20
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("fault", [Fault.DUPLICATE, Fault.SPLIT, Fault.INTERLEAVED])
@pytest.mark.parametrize("transport", ["tcp", "rtu+tcp", "serial"])
async def test_what_only_looks_bad_is_read_all_the_same(fault: Fault, transport: str, tmp_path: Path) -> None:
    rtu, serial = float(transport == "rtu+tcp"), int(transport == "serial")
    async with scraped(Layout(dispensers=3, rtu_share=rtu, serial_lines=serial, speed=0), tmp_path) as (
        campus,
        exporter,
    ):
        (gateway,) = campus.gateways
        for name in campus.dispensers:
            await campus.inject(name, fault)
        for _ in range(4):
            assert set(up(await gateway_page(exporter, gateway.gateway)).values()) == {1}


async def test_a_gateway_that_restarts_costs_no_scrape_once_it_is_back(tmp_path: Path) -> None:
    async with scraped(Layout(dispensers=2, rtu_share=0, speed=0, restart_seconds=0.1), tmp_path) as (campus, exporter):
        (gateway,) = campus.gateways
        for _ in range(5):
            await campus.inject("lib-1f-east", Fault.RESTART)
            await asyncio.sleep(0.3)
            assert set(up(await gateway_page(exporter, gateway.gateway)).values()) == {1}


async def test_read_takes_any_transport(tmp_path: Path) -> None:
    async with Campus.start(MIXED) as campus:
        assert campus.authority is not None
        campus.authority.write(tmp_path / "ca.pem")
        for one in campus.gateways:
            status, out, err = await run_to_end("read", f"{one.gateway}/1", f"--tls-ca-file={tmp_path / 'ca.pem'}")
            assert (status, err) == (0, ""), err
            assert "1 requests in" in out


async def test_a_gateway_whose_certificate_nobody_signed_is_not_believed() -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, tls_share=1)) as campus:
        status, _, err = await run_to_end("read", f"{campus.gateways[0].gateway}/1")
        assert status == 1
        assert "cannot be read (tls)" in err
        assert "certificate is not trusted" in err


@pytest.mark.parametrize(
    ("targets", "target", "sentence"),
    [
        ("inventory", "127.0.0.1:1/1", "127.0.0.1:1 is not in the inventory, and the settings allow nothing else"),
        ("[10.0.0.0/8, '::1/128']", "127.0.0.1:1/1", "neither in the inventory nor an address in 10.0.0.0/8, ::1/128"),
        ("[10.0.0.0/8]", "localhost:1/1", "localhost:1 is neither in the inventory nor an address in 10.0.0.0/8"),
        ("any", "serial:///dev/watchdog/1", "/dev/watchdog is not a serial line's device"),
        ("any", "serial:///dev/../etc/passwd/1", "is not a serial line's device"),
        ("any", "serial:///dev/pts/../null/1", "is not a serial line's device"),
    ],
)
async def test_what_the_settings_do_not_allow_is_not_touched(
    targets: str, target: str, sentence: str, tmp_path: Path
) -> None:
    async with scraped(Layout(dispensers=1, rtu_share=0), tmp_path, f"targets: {targets}\n") as (campus, exporter):
        status, text = await exporter.get(f"/probe?target={quote(target, safe='')}")
        assert (status, sentence in text) == (400, True), text
        own = next(iter(campus.dispensers.values())).entry["address"]
        assert "dispenser_up 1.0" in (await exporter.get(f"/probe?target={own}"))[1], "the inventory always may"
