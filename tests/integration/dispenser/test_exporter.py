"""`tapwatch dispenser-exporter` as a process, asked over HTTP as Prometheus asks it."""

import asyncio
import json
import signal
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporters.dispenser.mapfile import load_maps
from laboratory.modbus.gateway import Gateway, Peer, Question, serving
from laboratory.processes import run_to_end, running


def registers_of_the_default_map() -> list[int]:
    """Every register 0, but the one that tells the model and the hot water's temperature."""
    registers = [0] * 48
    registers[0], registers[2] = 0x5744, 953
    return registers


async def be_a_dispenser(question: Question, peer: Peer) -> None:
    peer.write(question.answer(*registers_of_the_default_map()[question.start : question.start + question.count]))


def read(text: str) -> dict[str, float]:
    """Series to value."""
    return {
        f"{sample.name}{json.dumps(sample.labels) if sample.labels else ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_it_needs_no_settings_to_probe_with_the_built_in_map(tmp_path: Path) -> None:
    async with serving(be_a_dispenser) as gateway, running(tmp_path, "dispenser-exporter") as exporter:
        status, text = await exporter.get(f"/probe?target={gateway.address}/1&module=default")
        series = read(text)
        assert status == 200
        assert series["dispenser_up"] == 1
        assert series['dispenser_water_temperature_celsius{"outlet": "hot"}'] == 95.3
        assert series["dispenser_probe_requests"] == 1
        assert 'dispenser_water_temperature_celsius{outlet="hot"} 95.3\n' in text
        values = load_maps([])["default"].values
        device = sum(len(list(value.series)) for value in values)
        assert device == 62
        unknown = sum(value.metric.is_time for value in values)  # it holds zeros, and a time of 0 is one nobody knows
        assert len(series) == device - unknown + len(("dispenser_up", "duration", "requests", "discarded"))
        assert 'tapwatch_probes_total{result="ok"} 1.0' in await exporter.metrics()
        assert await exporter.get("/sd") == (200, "[]")


async def test_a_dead_device_is_answered_with_200_and_a_reason(tmp_path: Path) -> None:
    async with running(tmp_path, "dispenser-exporter") as exporter:
        status, text = await exporter.get("/probe?target=127.0.0.1:1/1")
        assert status == 200
        assert read(text)["dispenser_up"] == 0
        assert read(text)['dispenser_probe_failure_info{"reason": "connect"}'] == 1
        assert 'tapwatch_probes_total{result="connect"} 1.0' in await exporter.metrics()


async def test_a_wrong_request_is_answered_with_400_and_a_sentence(tmp_path: Path) -> None:
    async with running(tmp_path, "dispenser-exporter") as exporter:
        for query, sentence in (
            ("", "target is missing: /probe?target=10.0.5.7:502/17&module=default"),
            ("?target=nowhere", "'nowhere' is not a dispenser's address; right would be HOST[:PORT]/UNIT"),
            ("?target=127.0.0.1:1/1&module=acme", "unknown module 'acme'; the register maps are: "),
        ):
            status, text = await exporter.get(f"/probe{query}")
            assert (status, text.startswith(sentence)) == (400, True), text
        header = {"X-Prometheus-Scrape-Timeout-Seconds": "soon"}
        status, text = await exporter.get("/probe?target=127.0.0.1:1/1", **header)
        assert (status, text) == (
            400,
            "X-Prometheus-Scrape-Timeout-Seconds is 'soon', which is no number of seconds above 0\n",
        )


async def test_prometheus_timeout_is_kept(tmp_path: Path) -> None:
    async def be_silent(_question: Question, _peer: Peer) -> None:
        return

    async with serving(be_silent) as gateway, running(tmp_path, "dispenser-exporter") as exporter:
        header = {"X-Prometheus-Scrape-Timeout-Seconds": "1"}
        answer = exporter.get(f"/probe?target={gateway.address}/1", **header)
        status, text = await asyncio.wait_for(answer, 1)
        assert status == 200
        assert read(text)['dispenser_probe_failure_info{"reason": "timeout"}'] == 1


async def test_the_debug_page_shows_the_raw_registers(tmp_path: Path) -> None:
    async with serving(be_a_dispenser) as gateway, running(tmp_path, "dispenser-exporter") as exporter:
        _, text = await exporter.get(f"/probe?target={gateway.address}/1&debug=true")
    assert "i0+48: 5744 0000 03b9" in text
    assert "i2 s16 raw 03b9 = 953 -> dispenser_water_temperature_celsius" in text
    assert "dispenser_up 1.0" in text


def write_fleet(folder: Path, gateway: Gateway, *units: int) -> None:
    rows = [f"  - {{name: unit-{unit}, site: main, address: '{gateway.address}/{unit}'}}" for unit in units]
    (folder / "dispensers.yaml").write_text("dispensers:\n" + "\n".join(rows) + "\n", encoding="utf-8")


async def test_a_reload_takes_a_good_inventory_and_refuses_a_bad_one(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("inventory: [./dispensers.yaml]\n", encoding="utf-8")
    async with serving(be_a_dispenser) as gateway:
        write_fleet(tmp_path, gateway, 1)
        async with running(tmp_path, "dispenser-exporter", f"--config.file={settings}") as exporter:
            assert [group["labels"]["dispenser"] for group in json.loads((await exporter.get("/sd"))[1])] == ["unit-1"]
            write_fleet(tmp_path, gateway, 1, 2)
            assert (await exporter.post("/-/reload"))[0] == 200
            assert len(json.loads((await exporter.get("/sd"))[1])) == 2
            write_fleet(tmp_path, gateway, 3, 3)
            status, text = await exporter.post("/-/reload")
            assert status == 500
            assert "dispensers[1].name: 'unit-3' stands already in" in text
            assert len(json.loads((await exporter.get("/sd"))[1])) == 2
            write_fleet(tmp_path, gateway, 4)
            exporter.process.send_signal(signal.SIGHUP)
            for _ in range(50):
                if len(json.loads((await exporter.get("/sd"))[1])) == 1:
                    break
                await asyncio.sleep(0.05)
            assert "tapwatch_inventory_dispensers 1.0" in await exporter.metrics()


async def test_a_probe_in_flight_is_answered_through_reload_and_sigterm(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def be_slow(question: Question, peer: Peer) -> None:
        asked.set()
        await asyncio.sleep(0.5)
        await be_a_dispenser(question, peer)

    async with serving(be_slow) as gateway, running(tmp_path, "dispenser-exporter") as exporter:
        request = asyncio.create_task(exporter.get(f"/probe?target={gateway.address}/1"))
        await asyncio.wait_for(asked.wait(), 5)
        await exporter.post("/-/reload")
        exporter.process.terminate()
        status, text = await request
        assert (status, read(text)["dispenser_up"]) == (200, 1)
        assert await exporter.process.wait() == 0


async def test_settings_with_faults_in_every_file_are_told_at_once_and_end_with_2(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("registers: [{at: x, type: u16, metric: dispenser_error_code}]", "utf-8")
    (tmp_path / "dispensers.yaml").write_text("dispensers: [{name: a, site: b, address: c}]", "utf-8")
    settings = tmp_path / "settings.yaml"
    settings.write_text("maps: [./bad.yaml]\ninventory: [./dispensers.yaml, ./none-*.csv]\n", "utf-8")
    status, out, err = await run_to_end("dispenser-exporter", f"--config.file={settings}", "--config.check")
    assert (status, out) == (2, "")
    assert "bad.yaml:1: registers[0].at: 'x' is not a register" in err
    assert "settings.yaml: inventory[1]: no file is named" in err
    assert "dispensers.yaml:1: dispensers[0].address: 'c' is not a dispenser's address" in err
    assert err.endswith("3 faults.\n")


async def test_read_prints_what_a_device_says() -> None:
    async with serving(be_a_dispenser) as gateway:
        status, out, _ = await run_to_end("read", f"{gateway.address}/1")
        assert status == 0
        assert "03b9" in out
        assert "95.3" in out
        status, _, err = await run_to_end("read", "127.0.0.1:1/1")
        assert (status, err) == (
            1,
            (
                "error: 127.0.0.1:1/1 cannot be read (connect): 127.0.0.1:1 does not accept connections: "
                "connection refused\n"
            ),
        )
