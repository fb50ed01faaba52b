"""The simulated campus as a process: read, broken and mended over HTTP and from the command line."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.simulator.command import command
from exporters.dispenser.simulator.faults import Fault
from laboratory.processes import run_to_end, running
from tapwatch.web import free_port


async def said(*arguments: str) -> tuple[int, str, str]:
    """`tapwatch simulate ARGUMENTS` until it ends, within this process, as it starts faster: status, stdout, stderr."""
    result = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    return result.exit_code, result.stdout, result.stderr


async def test_faults_come_and_go_over_http(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "simulate", "--dispensers=2", "--modbus-port=0") as simulation,
        aiohttp.ClientSession(simulation.url) as session,
    ):
        async with session.post("/dispensers/lib-1f-east/faults/leak") as answer:
            assert (answer.status, (await answer.json())["faults"]) == (200, ["leak"])
        async with session.delete("/dispensers/lib-1f-east/faults/leak") as answer:
            assert (answer.status, (await answer.json())["faults"]) == (200, [])
        async with session.post("/dispensers/lib-1f-eas/faults/leak") as answer:
            assert answer.status == 404
            assert await answer.text() == "no dispenser is named 'lib-1f-eas'; did you mean 'lib-1f-east'?\n"
        async with session.post("/dispensers/lib-1f-east/faults/leek") as answer:
            assert answer.status == 400
            assert (await answer.text()).startswith("no fault is named 'leek'; did you mean 'leak'? There are: leak,")
        async with session.delete("/dispensers/zzz/faults") as answer:
            assert answer.status == 404
            assert await answer.text() == "no dispenser is named 'zzz'; GET /dispensers lists them\n"
        async with session.delete("/dispensers/lib-1f-east/faults/zzz") as answer:
            assert (await answer.text()).startswith("no fault is named 'zzz'. There are: leak,")
        assert json.loads((await simulation.get("/faults"))[1]).keys() == set(Fault)
        assert json.loads((await simulation.get("/dispensers/lib-1f-east"))[1])["site"] == "main-campus"
        assert len(json.loads((await simulation.get("/gateways"))[1])) == 1


async def test_traits_are_set_over_http(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "simulate", "--dispensers=1", "--modbus-port=0", "--cap=30") as simulation,
        aiohttp.ClientSession(simulation.url) as session,
    ):
        assert json.loads((await simulation.get("/dispensers/lib-1f-east"))[1])["traits"] == {"cap": 30}
        wanted = {"holes": ["i10-i12"], "idle_ms": 40.0}
        async with session.put("/dispensers/lib-1f-east/traits", json=wanted) as answer:
            assert (answer.status, (await answer.json())["traits"]) == (200, wanted)
        async with session.put("/dispensers/lib-1f-east/traits", json={"holes": ["x1"], "cap": -1}) as answer:
            assert answer.status == 400
            assert (await answer.text()).startswith("holes.0: Value error, 'x1' is not a register; right would be")
        async with session.put("/dispensers/lib-1f-east/traits", data="nonsense") as answer:
            assert answer.status == 400
        async with session.put("/dispensers/zzz/traits", json={}) as answer:
            assert answer.status == 404


async def test_traits_are_set_from_the_command_line(tmp_path: Path) -> None:
    async with running(tmp_path, "simulate", "--dispensers=2", "--modbus-port=0") as simulation:
        both = ("traits", "lib-1f-east", "lib-1f-west", f"--url={simulation.url}")
        _, out, _ = await said(*both, "--hole=i10-i12", "--hole=i20", "--cap=20", "--idle=40ms")
        assert out == "".join(f"lib-1f-{wing}: holes i10-i12 i20, cap 20, idle_ms 40.0\n" for wing in ("east", "west"))
        assert json.loads((await simulation.get("/dispensers"))[1])[1]["traits"]["cap"] == 20
        assert (await said(*both))[1] == "lib-1f-east: easy\nlib-1f-west: easy\n"
        status, _, err = await said(*both, "--hole=i3-i1")
        assert (status, "'i3-i1' does not go from one register up to another" in err) == (2, True)


async def test_the_gateways_tell_what_they_carried(tmp_path: Path) -> None:
    async with running(
        tmp_path,
        "simulate",
        "--dispensers=1",
        "--modbus-port=0",
        "--rtu-share=0",
        "--baudrate=9600",
        "--turnaround=10ms",
    ) as simulation:
        address = json.loads((await simulation.get("/dispensers"))[1])[0]["address"]
        await run_to_end("read", address)
        (gateway,) = json.loads((await simulation.get("/gateways"))[1])
        assert gateway["requests"] == gateway["connections"] == 1
        assert gateway["line_seconds"] == pytest.approx(0.1429, abs=0.0001)
        assert (gateway["refused"], gateway["dropped"], gateway["turned_away"]) == (0, 0, 0)


async def test_tls_gateways_and_serial_lines_stand_in_the_inventory(tmp_path: Path) -> None:
    inventory = tmp_path / "dispensers.yaml"
    wiring = ("--dispensers=3", "--units-per-gateway=1", "--rtu-share=0", "--tls-share=1", "--serial-lines=1")
    async with running(tmp_path, "simulate", *wiring, "--modbus-port=0", f"--inventory={inventory}"):
        found = [one.address.gateway.transport for one in load_inventory([inventory], ["default"]).dispensers]
        assert found == ["tls", "tls", "serial"]
        assert (tmp_path / "ca.pem").read_text(encoding="utf-8").startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tls-share=0.5",), "clients must trust TLS gateways: say --tls-ca-file, or --inventory"),
        (("--tls-share=0.6", "--rtu-share=0.5"), "--rtu-share and --tls-share are more than all gateways"),
        (("--baudrate=9601",), "'9601' is not one of"),
        (("--hole=z1",), "'z1' is not a register; right would be"),
    ],
)
async def test_what_cannot_be_simulated_is_told(arguments: tuple[str, ...], message: str) -> None:
    status, _, err = await said(*arguments)
    assert (status, message in err) == (2, True)


async def test_faults_come_and_go_from_the_command_line(tmp_path: Path) -> None:
    async with running(tmp_path, "simulate", "--dispensers=2", "--modbus-port=0") as simulation:
        at = f"--url={simulation.url}"
        status, out, _ = await said("inject", "leak", "lib-1f-east", at)
        assert (status, out) == (0, "lib-1f-east: water stands in the drip tray: the leak bit is set\n")
        _, out, _ = await said("list", at)
        assert [line.split()[-1] for line in out.splitlines() if "lib-1f-east" in line] == ["leak"]
        assert (await said("clear", "leak", "lib-1f-east", at))[1] == "lib-1f-east: leak is cleared\n"
        assert (await said("inject", "cold", "lib-1f-west", "--after=50ms", "--for=100ms", at))[1].endswith(
            "lib-1f-west: cold is cleared\n"
        )
        assert (await said("clear", "--all", at))[1] == "cleared: there was nothing\n"
        for fault in ("leak", "cold"):
            await said("inject", fault, "lib-1f-east", at)
        assert (await said("clear", "lib-1f-east", at))[1] == "lib-1f-east: every fault is cleared\n"
        assert json.loads((await simulation.get("/dispensers/lib-1f-east"))[1])["faults"] == []


@pytest.mark.parametrize("arguments", [("clear",), ("clear", "leak"), ("clear", "--all", "lib-1f-east")])
async def test_what_to_clear_must_be_said(arguments: tuple[str, ...]) -> None:
    status, _, err = await said(*arguments)
    assert (status, "say which" in err) == (2, True)


async def test_a_wrong_duration_is_told_before_anything_is_asked() -> None:
    status, _, err = await said("inject", "leak", "lib-1f-east", "--for=soon")
    assert (status, "must be a duration such as 500ms, 15s or 1h30m, not 'soon'" in err) == (2, True)


async def test_an_unknown_dispenser_among_several_breaks_none(tmp_path: Path) -> None:
    async with running(tmp_path, "simulate", "--dispensers=2", "--modbus-port=0") as simulation:
        status, _, err = await said("inject", "leak", "lib-1f-east", "lib/", f"--url={simulation.url}")
        assert (status, err.startswith("error: no dispenser is named 'lib/'")) == (1, True)
        assert '"leak"' not in (await simulation.get("/dispensers"))[1]


async def test_an_interrupted_injection_is_cleared(tmp_path: Path) -> None:
    async with running(tmp_path, "simulate", "--dispensers=1", "--modbus-port=0") as simulation:
        process = [sys.executable, "-m", "tapwatch", "simulate", "inject", "leak", "lib-1f-east", "--for=1h"]
        injecting = await asyncio.create_subprocess_exec(
            *process, f"--url={simulation.url}", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert injecting.stdout is not None
        await asyncio.wait_for(injecting.stdout.readline(), 30)
        assert '"leak"' in (await simulation.get("/dispensers"))[1]
        injecting.send_signal(signal.SIGINT)
        await asyncio.wait_for(injecting.communicate(), 30)
        assert '"leak"' not in (await simulation.get("/dispensers"))[1]


async def test_every_fault_is_listed_with_its_explanation() -> None:
    _, out, _ = await said("faults")
    assert [line.split()[0] for line in out.splitlines()] == list(Fault)
    assert "gateway_offline    the gateway refuses connections" in out


async def test_the_command_says_what_listens_where_and_ends_cleanly(tmp_path: Path) -> None:
    inventory = tmp_path / "dispensers.yaml"
    arguments = ["--dispensers=5", "--units-per-gateway=2", "--rtu-share=0.34", f"--modbus-port={free_port()}"]
    async with running(tmp_path, "simulate", *arguments, f"--inventory={inventory}") as simulation:
        dispensers = load_inventory([inventory], ["default"]).dispensers
        said = simulation.log.read_text(encoding="utf-8")
        for dispenser in dispensers:
            assert f"{dispenser.address.gateway}  " in said
        assert f" read {dispensers[0].address}\n" in said
        assert [one.address.gateway.transport for one in dispensers] == ["tcp", "tcp", "rtu+tcp", "rtu+tcp", "tcp"]
        _, out, _ = await run_to_end("read", str(dispensers[2].address))
        assert "dispenser_water_temperature_celsius" in out
    assert simulation.process.returncode == 0


@pytest.mark.parametrize(
    "options",
    [["--rtu-share=0"], ["--rtu-share=0", "--tls-share=1"], ["--rtu-share=0", "--serial-lines=1"]],
    ids=["tcp", "tls", "serial"],
)
async def test_the_commands_that_it_advises_run_in_a_shell(options: list[str], tmp_path: Path) -> None:
    trust = f"--tls-ca-file={tmp_path / 'our ca.pem'}"
    async with running(tmp_path, "simulate", "--dispensers=1", "--modbus-port=0", trust, *options) as simulation:
        said = simulation.log.read_text(encoding="utf-8")
        reading, breaking = re.findall(r"(?:Read|Break) one:  (.*)", said)
        for advised in (breaking, reading):
            process = await asyncio.create_subprocess_shell(
                advised, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            out, err = await process.communicate()
            assert (process.returncode, err.decode()) == (0, ""), advised
        assert re.search(r"fault=leak +yes", out.decode())


async def test_a_simulation_that_does_not_run_is_told() -> None:
    status, _, err = await said("list", "--url=http://127.0.0.1:1")
    assert (status, err) == (
        1,
        "error: no simulation answers at http://127.0.0.1:1/dispensers; start one: tapwatch simulate\n",
    )
