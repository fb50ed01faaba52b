"""The simulated campus: dispensers, ports and the time that passes."""

import asyncio
import socket
from pathlib import Path

import pytest

from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.layout import Layout
from tapwatch.errors import TapwatchError
from tapwatch.web import free_port
from tests.integration.simulator.client import ask


async def test_every_dispenser_answers_behind_both_kinds_of_gateway() -> None:
    async with Campus.start(Layout(dispensers=12, units_per_gateway=3, rtu_share=0.5)) as campus:
        framings = {one.gateway.gateway.transport for one in campus.dispensers.values()}
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
    hour = [1_790_000_000.0]
    async with Campus.start(Layout(dispensers=1, speed=60), clock=lambda: hour[0]) as campus:
        (dispenser,) = campus.dispensers.values()
        before = (await ask(dispenser)).registers[40:42]
        hour[0] += 10
        dispenser.unit.advance()
        after = (await ask(dispenser)).registers[40:42]
    assert (after[0] << 16 | after[1]) - (before[0] << 16 | before[1]) == 600


async def test_time_passes_by_itself_for_every_dispenser() -> None:
    async with Campus.start(Layout(dispensers=120, units_per_gateway=60, speed=1000)) as campus:
        started = {name: one.unit.water.uv_seconds for name, one in campus.dispensers.items()}
        async with asyncio.timeout(30):
            for name, one in campus.dispensers.items():
                while one.unit.water.uv_seconds < started[name] + 1000:  # noqa: ASYNC110 - nothing signals it
                    await asyncio.sleep(0.1)


async def test_a_value_that_is_set_shows_in_the_next_answer() -> None:
    async with Campus.start(Layout(dispensers=1, speed=0)) as campus:
        (dispenser,) = campus.dispensers.values()
        for celsius in (97.3, 12.4):
            dispenser.unit.water.hot_celsius = celsius
            assert (await ask(dispenser, start=2, count=1)).registers == [round(celsius * 10)]


async def test_a_taken_port_is_passed_over() -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first)):
        async with Campus.start(Layout(dispensers=3, units_per_gateway=1, modbus_port=first)) as campus:
            ports = [gateway.gateway.port for gateway in campus.gateways]
            assert first < ports[0] < ports[1] < ports[2]
            for dispenser in campus.dispensers.values():
                assert (await ask(dispenser)).registers[0] == 0x5744


async def test_gateways_listen_on_another_address_when_told() -> None:
    async with Campus.start(Layout(dispensers=2, units_per_gateway=1, modbus_host="127.0.0.2")) as campus:
        for dispenser in campus.dispensers.values():
            assert dispenser.unit.address.gateway.host == "127.0.0.2"
            assert (await ask(dispenser)).registers[0] == 0x5744


@pytest.mark.parametrize("first", [0, 15020])
async def test_an_address_that_is_not_this_machine_s_is_told(first: int) -> None:
    with pytest.raises(TapwatchError, match=r"gateways cannot listen on 192\.0\.2\.1: Cannot assign"):
        async with Campus.start(Layout(dispensers=2, modbus_host="192.0.2.1", modbus_port=first)):
            pass


async def test_too_few_ports_are_told() -> None:
    with pytest.raises(TapwatchError, match=r"there are only \d free ports from 65534 on for 3 gateways"):
        async with Campus.start(Layout(dispensers=3, units_per_gateway=1, modbus_port=65534)):
            pass


async def test_hundreds_of_gateways_find_ports_of_their_own() -> None:
    async with Campus.start(Layout(dispensers=300, units_per_gateway=1)) as campus:
        assert len({gateway.gateway.port for gateway in campus.gateways}) == 300


async def test_the_same_seed_gives_the_same_campus() -> None:
    waters = []
    for seed in (1, 1, 2):
        async with Campus.start(Layout(dispensers=3, seed=seed), clock=lambda: 1_790_000_000.0) as campus:
            waters.append([one.unit.water for one in campus.dispensers.values()])
    assert waters[0] == waters[1] != waters[2]


async def test_an_inventory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        with pytest.raises(TapwatchError, match=r"nowhere/dispensers\.yaml cannot be written: No such file"):
            campus.write_inventory(tmp_path / "nowhere" / "dispensers.yaml")


async def test_the_written_inventory_is_one_that_the_exporter_takes(tmp_path: Path) -> None:
    async with Campus.start(Layout(dispensers=300, units_per_gateway=50, rtu_share=0.5)) as campus:
        campus.write_inventory(tmp_path / "dispensers.yaml")
        inventory = load_inventory([tmp_path / "dispensers.yaml"], ["default"])
        assert [one.address for one in inventory.dispensers] == [one.unit.address for one in campus.dispensers.values()]
