"""Simulated gateways as Modbus clients see them, healthy and with the faults of the line."""

import asyncio
import random
import socket
import struct
import time
from dataclasses import replace

import pytest
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ExceptionResponse

from exporters.dispenser.address import DeviceAddress, Gateway
from exporters.dispenser.registermap import Bits, Place, RegisterMap, Value
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.gateway import SimulatedGateway
from exporters.dispenser.simulator.layout import Layout
from exporters.dispenser.simulator.registers import Registers
from exporters.dispenser.simulator.settings import GatewaySettings
from exporters.dispenser.simulator.unit import Unit
from tapwatch import catalogue
from tapwatch.errors import TapwatchError
from tapwatch.web import free_port
from tests.integration.simulator.client import ask, client_of


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
            assert dispenser.gateway.traffic.bytes_out > 96

    async def test_a_busy_unit_refuses_with_exception_6(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.BUSY)
            answer = await ask(dispenser)
        assert isinstance(answer, ExceptionResponse)
        assert answer.exception_code == 6

    async def test_a_slow_unit_answers_after_its_time(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share, slow_seconds=0.2)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.SLOW)
            began = time.monotonic()
            assert (await ask(dispenser)).registers[0] == 0x5744
            assert time.monotonic() - began >= 0.2

    async def test_a_slow_unit_may_take_longer_than_the_client_waits(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.SLOW)
            with pytest.raises(ModbusIOException):
                await ask(dispenser)

    async def test_an_answer_under_another_units_number_is_refused(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=1, rtu_share=rtu_share)) as campus:
            (dispenser,) = campus.dispensers.values()
            await campus.inject(dispenser.name, Fault.WRONG_UNIT)
            with pytest.raises(ModbusIOException, match=r"device id=1 but received 2|No response received"):
                await ask(dispenser)
            assert dispenser.gateway.traffic.bytes_out > 96

    async def test_an_offline_gateway_refuses_connections_until_it_is_cleared(self, rtu_share: float) -> None:
        async with Campus.start(Layout(dispensers=2, rtu_share=rtu_share)) as campus:
            first, second = campus.dispensers.values()
            reader, writer = await asyncio.open_connection(first.gateway.gateway.host, first.gateway.gateway.port)
            await ask(second)
            await campus.inject(first.name, Fault.GATEWAY_OFFLINE)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            async with client_of(second.gateway.gateway) as client:
                assert not client.connected
            await campus.clear(first.name)
            assert (await ask(second)).registers[0] == 0x5744


def question(transaction: int, unit: int, count: int) -> bytes:
    """Modbus TCP, input registers from 0 on."""
    return struct.pack(">HHHBBHH", transaction, 0, 6, unit, 4, 0, count)


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, int, int]:
    """(transaction, unit, registers) of the next answer."""
    transaction, _, length, unit = struct.unpack(">HHHB", await asyncio.wait_for(reader.readexactly(7), 5))
    return transaction, unit, (await reader.readexactly(length - 1))[1] // 2


async def test_a_late_answer_keeps_its_own_transaction_and_unit() -> None:
    async with Campus.start(Layout(dispensers=2, rtu_share=0, slow_seconds=0.2)) as campus:
        slow, _ = campus.dispensers.values()
        await campus.inject(slow.name, Fault.SLOW)
        reader, writer = await asyncio.open_connection(slow.gateway.gateway.host, slow.gateway.gateway.port)
        writer.write(question(7, 1, 48))
        await asyncio.sleep(0.05)
        writer.write(question(8, 2, 4))
        assert [await answer_of(reader), await answer_of(reader)] == [(8, 2, 4), (7, 1, 48)]
        writer.close()


async def test_requests_that_arrive_together_or_in_pieces_are_all_answered() -> None:
    async with Campus.start(Layout(dispensers=2, rtu_share=0)) as campus:
        gateway = campus.gateways[0]
        reader, writer = await asyncio.open_connection(gateway.gateway.host, gateway.gateway.port)
        asked = [(number, number % 2 + 1, number % 48 + 1) for number in range(100)]
        stream = b"".join(question(*one) for one in asked)
        for piece in (stream[:17], stream[17:-5], stream[-5:]):
            writer.write(piece)
            await asyncio.sleep(0.05)
        assert [await answer_of(reader) for _ in asked] == asked
        assert (gateway.traffic.requests, gateway.traffic.bytes_in) == (100, 1200)
        writer.close()


async def test_registers_that_a_dispenser_does_not_have_are_refused() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        answer = await ask(dispenser, start=40, count=20)
        assert isinstance(answer, ExceptionResponse)
        assert answer.exception_code == 2


async def test_a_unit_that_is_not_there_is_silent() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        async with client_of(dispenser.gateway.gateway) as client:
            with pytest.raises(ModbusIOException, match="No response received"):
                await client.read_input_registers(0, count=1, device_id=2)


async def test_coils_and_discrete_inputs_answer_in_bits() -> None:
    places = [Place("coil", 0), Place("discrete", 5)]
    leak = Value(places[0], "bit", "ABCD", catalogue.DISPENSER_FAULT, {}, bits=Bits("fault", ("leak",)))
    register_map = RegisterMap("coils", "", "ABCD", None, [leak, replace(leak, place=places[1])])
    gateway = Gateway("tcp", "127.0.0.1", free_port())
    unit = Unit(DeviceAddress(gateway, 1), Registers(register_map), random.Random(1), lambda: 1_790_000_000.0)
    simulated = SimulatedGateway(gateway, {1: unit}, GatewaySettings())
    await simulated.start()
    async with client_of(gateway) as client:
        for leaks in (True, False):
            unit.faults = {Fault.LEAK} if leaks else set()
            assert (await client.read_coils(0, count=1, device_id=1)).bits[0] == leaks
            assert (await client.read_discrete_inputs(5, count=1, device_id=1)).bits[0] == leaks
    await simulated.stop()


async def test_a_gateway_whose_port_is_taken_meanwhile_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(TapwatchError, match=f"cannot listen on 127.0.0.1:{port}"):
            await SimulatedGateway(Gateway("tcp", "127.0.0.1", port), {}, GatewaySettings()).start()


async def test_nothing_can_be_written() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        async with client_of(dispenser.gateway.gateway) as client:
            answer = await client.write_register(2, 0, device_id=dispenser.unit.address.unit)
    assert isinstance(answer, ExceptionResponse)
    assert answer.exception_code == 1


async def test_a_gateway_counts_its_traffic() -> None:
    async with Campus.start(Layout(dispensers=1)) as campus:
        (dispenser,) = campus.dispensers.values()
        await ask(dispenser)
        traffic = dispenser.gateway.traffic
        # MODBUS over TCP: 12 bytes ask, 9 and two for each register answer.
        assert (traffic.connections, traffic.requests) == (1, 1)
        assert (traffic.bytes_in, traffic.bytes_out) == (12, 9 + 2 * 48)
