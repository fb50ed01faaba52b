"""The simulated campus, read by a Modbus client and broken over HTTP and from the command line."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.simulator.campus import Campus, Layout, SimulatedDispenser
from exporters.dispenser.simulator.faults import Fault
from tapwatch.errors import TapwatchError
from tapwatch.web import free_port
from tests.processes import run_to_end, running


@asynccontextmanager
async def client_of(dispenser: SimulatedDispenser) -> AsyncIterator[AsyncModbusTcpClient]:
    gateway = dispenser.unit.address.gateway
    framer = FramerType.RTU if gateway.framing == "rtu+tcp" else FramerType.SOCKET
    client = AsyncModbusTcpClient(
        gateway.host, port=gateway.port, framer=framer, timeout=0.4, retries=0, reconnect_delay=0
    )
    await client.connect()
    try:
        yield client
    finally:
        client.close()


async def ask(dispenser: SimulatedDispenser, start: int = 0, count: int = 48) -> ModbusPDU:
    async with client_of(dispenser) as client:
        return await client.read_input_registers(start, count=count, device_id=dispenser.unit.address.unit)


async def test_every_dispenser_answers_behind_both_kinds_of_gateway() -> None:
    async with Campus.start(Layout(dispensers=12, units_per_gateway=3, rtu_share=0.5)) as campus:
        framings = {one.gateway.gateway.framing for one in campus.dispensers.values()}
        for dispenser in campus.dispensers.values():
            answer = await ask(dispenser)
            assert answer.registers[0] == 0x5744
            assert 850 < answer.registers[2] < 1000
    assert framings == {"tcp", "rtu+tcp"}


async def test_two_thousand_dispensers_live_in_one_process() -> None:
    async with Campus.start(Layout(dispensers=2000, units_per_gateway=100)) as campus:
        assert len(campus.dispensers) == 2000
        for dispenser in list(campus.dispensers.values())[::97]:
            assert (await ask(dispenser)).registers[0] == 0x5744


async def test_time_passes_as_fast_as_it_is_told_to() -> None:
    async with Campus.start(Layout(dispensers=1, speed=1000)) as campus:
        (dispenser,) = campus.dispensers.values()
        before = (await ask(dispenser)).registers[40:42]
        await asyncio.sleep(1.6)
        after = (await ask(dispenser)).registers[40:42]
    passed = (after[0] << 16 | after[1]) - (before[0] << 16 | before[1])
    assert 800 < passed < 3000


@pytest.mark.parametrize("rtu_share", [0, 1])
class TestLineFaults:
    """Each one as a client sees it, with both framings."""

    async def test_an_offline_unit_is_silent_and_its_neighbour_is_not(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=2, rtu_share=rtu_share)) as campus:
            first, second = campus.dispensers.values()
            await campus.inject(first.name, Fault.OFFLINE)
            with pytest.raises(ModbusIOException):
                await ask(first)
            assert (await ask(second)).registers[0] == 0x5744
            await campus.clear(first.name, Fault.OFFLINE)
            assert (await ask(first)).registers[0] == 0x5744

    async def test_garbage_is_no_answer(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.GARBAGE)
            with pytest.raises(ModbusIOException):
                await ask(dispenser)

    async def test_a_busy_unit_refuses_with_exception_6(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.BUSY)
            answer = await ask(dispenser)
        assert isinstance(answer, ExceptionResponse)
        assert answer.exception_code == 6

    async def test_a_slow_unit_takes_longer_than_the_client_waits(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.SLOW)
            with pytest.raises(ModbusIOException):
                await ask(dispenser)

    async def test_an_offline_gateway_refuses_connections_until_it_is_cleared(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=2, rtu_share=rtu_share)) as campus:
            first, second = campus.dispensers.values()
            await campus.inject(first.name, Fault.GATEWAY_OFFLINE)
            async with client_of(second) as client:
                assert not client.connected
            await campus.clear(first.name)
            assert (await ask(second)).registers[0] == 0x5744


async def test_registers_that_a_dispenser_does_not_have_are_refused() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        answer = await ask(dispenser, start=40, count=20)
        assert isinstance(answer, ExceptionResponse)
        assert answer.exception_code == 2


async def test_nothing_can_be_written() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        async with client_of(dispenser) as client:
            answer = await client.write_register(2, 0, device_id=dispenser.unit.address.unit)
    assert isinstance(answer, ExceptionResponse)


async def test_a_gateway_counts_its_traffic() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        await ask(dispenser)
        traffic = dispenser.gateway.traffic
        # MODBUS over TCP: 12 bytes ask, 9 and two for each register answer.
        assert (traffic.requests, traffic.bytes_in, traffic.bytes_out) == (1, 12, 9 + 2 * 48)


async def test_a_taken_port_is_told() -> None:
    port = free_port()
    async with Campus.start(Layout(dispensers=1, modbus_port=port)):
        with pytest.raises(TapwatchError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with Campus.start(Layout(dispensers=1, modbus_port=port)):
                pass


async def test_the_written_inventory_is_one_that_the_exporter_takes(tmp_path: Path) -> None:
    async with Campus.start(Layout(dispensers=300, units_per_gateway=50, rtu_share=0.5)) as campus:
        campus.write_inventory(tmp_path / "dispensers.yaml")
        inventory = load_inventory([tmp_path / "dispensers.yaml"], ["default"])
        assert [one.address for one in inventory.dispensers] == [one.unit.address for one in campus.dispensers.values()]


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
        assert (await simulation.get("/faults"))[0] == 200
        assert json.loads((await simulation.get("/dispensers/lib-1f-east"))[1])["site"] == "main-campus"
        assert len(json.loads((await simulation.get("/gateways"))[1])) == 1


async def test_faults_come_and_go_from_the_command_line(tmp_path: Path) -> None:
    async with running(tmp_path, "simulate", "--dispensers=2", "--modbus-port=0") as simulation:
        at = f"--url={simulation.url}"
        status, out, _ = await run_to_end("simulate", "inject", "leak", "lib-1f-east", at)
        assert (status, out) == (0, "lib-1f-east: water stands in the drip tray: the leak bit is set\n")
        _, out, _ = await run_to_end("simulate", "list", at)
        assert [line.split()[-1] for line in out.splitlines() if "lib-1f-east" in line] == ["leak"]
        assert (await run_to_end("simulate", "clear", "leak", "lib-1f-east", at))[1] == "lib-1f-east: leak is cleared\n"
        assert (await run_to_end("simulate", "inject", "cold", "lib-1f-west", "--for=100ms", at))[1].endswith(
            "lib-1f-west: cold is cleared\n"
        )
        assert (await run_to_end("simulate", "clear", "--all", at))[1] == "cleared: there was nothing\n"
        status, _, err = await run_to_end("simulate", "clear", at)
        assert (status, "say which" in err) == (2, True)


async def test_a_simulation_that_does_not_run_is_told() -> None:
    status, _, err = await run_to_end("simulate", "list", "--url=http://127.0.0.1:1")
    assert (status, err) == (
        1,
        "error: no simulation answers at http://127.0.0.1:1/dispensers; start one: tapwatch simulate\n",
    )
