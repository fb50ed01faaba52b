"""Libmodbus serves what it was told to, over TCP and on a serial line."""

import struct

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.simulator.physics import Water
from exporters.dispenser.simulator.registers import Registers as MapRegisters
from laboratory.modbus.libmodbus import Framing, LibmodbusServer, Registers, libmodbus_on_a_line, libmodbus_server
from tapwatch.errors import TapwatchError

pytestmark = pytest.mark.compiled

HELD: Registers = {
    1: {"i0": [0x5744, 1, 950, None, 7], "h100": struct.unpack(">2H", struct.pack(">f", 36.5)), "c3": [1, 0, 1]},
    17: {"i0": [65535], "d0": [0, 1]},
}


def client_of(server: LibmodbusServer) -> AsyncModbusTcpClient:
    framer = FramerType.RTU if server.gateway.transport == "rtu+tcp" else FramerType.SOCKET
    return AsyncModbusTcpClient(
        server.gateway.host, port=server.gateway.port, framer=framer, timeout=0.5, retries=0, reconnect_delay=0
    )


@pytest.mark.parametrize("framing", ["tcp", "rtu+tcp"])
async def test_all_four_spaces_of_several_units_are_served(framing: Framing) -> None:
    async with libmodbus_server(HELD, framing=framing) as server, client_of(server) as client:
        assert (await client.read_input_registers(0, count=3, device_id=1)).registers == [0x5744, 1, 950]
        held = (await client.read_holding_registers(100, count=2, device_id=1)).registers
        assert struct.unpack(">f", struct.pack(">2H", *held)) == (36.5,)
        assert (await client.read_coils(3, count=3, device_id=1)).bits[:3] == [True, False, True]
        assert (await client.read_input_registers(0, count=1, device_id=17)).registers == [65535]
        assert (await client.read_discrete_inputs(0, count=2, device_id=17)).bits[:2] == [False, True]


@pytest.mark.parametrize("framing", ["tcp", "rtu+tcp"])
async def test_a_request_that_touches_a_hole_is_refused(framing: Framing) -> None:
    async with libmodbus_server(HELD, framing=framing) as server, client_of(server) as client:
        assert (await client.read_input_registers(4, count=1, device_id=1)).registers == [7]
        for start, count in ((0, 5), (3, 1), (2, 2), (4, 2), (65535, 1)):
            assert (await client.read_input_registers(start, count=count, device_id=1)).exception_code == 2


async def test_a_unit_that_is_not_there_is_refused_by_the_gateway_and_silent_on_a_line() -> None:
    async with libmodbus_server(HELD) as server, client_of(server) as client:
        assert (await client.read_input_registers(0, count=1, device_id=2)).exception_code == 11
    async with libmodbus_server(HELD, framing="rtu+tcp") as server, client_of(server) as client:
        with pytest.raises(ModbusIOException):
            await client.read_input_registers(0, count=1, device_id=2)
        assert (await client.read_input_registers(0, count=1, device_id=17)).registers == [65535]


async def test_what_units_hold_changes_while_they_are_served() -> None:
    async with libmodbus_server(HELD) as server, client_of(server) as client:
        await server.hold({1: {"i2": [951]}})
        assert (await client.read_input_registers(0, count=3, device_id=1)).registers == [0x5744, 1, 951]
        await server.hold({1: {"i2": [None]}})
        assert (await client.read_input_registers(0, count=3, device_id=1)).exception_code == 2


async def test_several_clients_are_served_at_once() -> None:
    async with libmodbus_server(HELD) as server, client_of(server) as one, client_of(server) as other:
        for client in (one, other, one):
            assert (await client.read_input_registers(0, count=1, device_id=1)).registers == [0x5744]


async def test_the_default_map_is_served_by_many_units() -> None:
    words = MapRegisters(load_maps([])["default"]).read("input", 0, 48, Water(), ())
    assert words is not None
    async with libmodbus_server({unit: {"i0": words} for unit in range(1, 33)}) as server, client_of(server) as client:
        for unit in range(1, 33):
            assert (await client.read_input_registers(0, count=48, device_id=unit)).registers == words


async def test_a_serial_line_is_served_too() -> None:
    async with libmodbus_on_a_line(HELD) as server:
        assert server.address(17).endswith("?baudrate=115200&parity=N&stopbits=2/17")
        client = AsyncModbusSerialClient(
            server.gateway.host, baudrate=115200, parity="N", stopbits=2, timeout=0.5, retries=0
        )
        await client.connect()
        for unit, held in ((1, 0x5744), (17, 65535), (1, 0x5744)):
            assert (await client.read_input_registers(0, count=1, device_id=unit)).registers == [held]
        assert (await client.read_input_registers(3, count=1, device_id=1)).exception_code == 2
        with pytest.raises(ModbusIOException):
            await client.read_input_registers(0, count=1, device_id=5)
        assert (await client.read_discrete_inputs(0, count=2, device_id=17)).bits[:2] == [False, True]
        client.close()


async def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(TapwatchError, match="libmodbus' server ended with status 1"):
        async with libmodbus_server(HELD, serial="/dev/no-such-device"):
            pass
