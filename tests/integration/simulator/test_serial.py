"""Simulated serial lines: a pseudo-terminal that a client opens as any serial device."""

import asyncio
import os
import struct
import time
from pathlib import Path
from typing import Self

import pytest
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.framer import FramerRTU

from exporters.dispenser.address import Gateway
from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.layout import Layout
from exporters.dispenser.simulator.line import LineTiming
from tests.integration.simulator.wire import rtu_question

INSTANT = Layout(dispensers=2, serial_lines=1)


class Device:
    """A serial device as a client has it open."""

    def __init__(self, gateway: Gateway) -> None:
        self._file = os.open(gateway.host, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._more = asyncio.Event()
        self.pieces: list[tuple[float, bytes]] = []

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._file, self._read)
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)

    def _read(self) -> None:
        self.pieces.append((time.perf_counter(), os.read(self._file, 4096)))
        self._more.set()

    def write(self, data: bytes) -> None:
        self.pieces.clear()
        os.write(self._file, data)

    async def answer(self, size: int, within: float = 2) -> bytes:
        """What has come since the last question, once it is so long; raises TimeoutError."""
        async with asyncio.timeout(within):
            while len(whole := b"".join(piece for _, piece in self.pieces)) < size:
                self._more.clear()
                await self._more.wait()
        return whole


def registers(frame: bytes) -> tuple[int, ...]:
    assert FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))
    return struct.unpack(f">{frame[2] // 2}H", frame[3:-2])


async def test_a_serial_line_answers_like_a_gateway() -> None:
    async with Campus.start(INSTANT) as campus:
        gateway = campus.gateways[0].gateway
        assert str(gateway).startswith("serial:///dev/pts/")
        assert str(gateway).endswith("?baudrate=19200&parity=N&stopbits=2")
        with Device(gateway) as device:
            for unit in (1, 2, 1):
                device.write(rtu_question(unit))
                assert registers(await device.answer(101))[0] == 0x5744


async def test_pymodbus_reads_a_serial_line() -> None:
    async with Campus.start(Layout(dispensers=3, serial_lines=1, baudrate=19200)) as campus:
        gateway = campus.gateways[0].gateway
        client = AsyncModbusSerialClient(gateway.host, baudrate=19200, parity="N", stopbits=2, timeout=1, retries=0)
        await client.connect()
        for unit in (1, 2, 3, 1):
            assert len((await client.read_input_registers(0, count=48, device_id=unit)).registers) == 48
        assert (await client.read_input_registers(5000, count=1, device_id=1)).exception_code == 2
        client.close()


async def test_a_serial_line_outlives_its_clients() -> None:
    async with Campus.start(INSTANT) as campus:
        for _ in range(3):
            with Device(campus.gateways[0].gateway) as device:
                device.write(rtu_question(1, 2))
                assert registers(await device.answer(9))[0] == 0x5744


async def test_an_answer_comes_in_pieces_as_fast_as_the_line() -> None:
    async with Campus.start(Layout(dispensers=1, serial_lines=1, baudrate=9600)) as campus:
        gateway = campus.gateways[0].gateway
        assert gateway.serial is not None
        with Device(gateway) as device:
            began = time.perf_counter()
            device.write(rtu_question(1))
            await device.answer(101)
            seconds = [at - began for at, _ in device.pieces]
            *whole, rest = (len(piece) for _, piece in device.pieces)
            assert (sum(whole), rest % 16) == (101 - rest, 5)  # two pieces may be read at once
            assert len(whole) > 1
            assert all(length % 16 == 0 for length in whole)
        character, silence = gateway.serial.character_seconds, gateway.serial.silence_seconds
        assert character == 11 / 9600
        last = LineTiming(gateway.serial, 0.02).exchange_seconds(8, 101) - silence
        assert last <= seconds[-1] < last + 1  # on a busy machine
        assert last - 85 * character <= seconds[0] < seconds[-1]


async def test_a_silent_unit_does_not_keep_a_serial_line() -> None:
    async with Campus.start(Layout(dispensers=2, serial_lines=1, baudrate=19200)) as campus:
        await campus.inject("lib-1f-east", Fault.OFFLINE)
        with Device(campus.gateways[0].gateway) as device:
            device.write(rtu_question(1))
            with pytest.raises(TimeoutError):
                await device.answer(1, within=0.1)
            device.write(rtu_question(2))
            assert registers(await device.answer(101, within=0.3))[0] == 0x5744


async def test_half_a_request_is_forgotten_after_a_pause() -> None:
    async with Campus.start(INSTANT) as campus:
        with Device(campus.gateways[0].gateway) as device:
            device.write(rtu_question(1)[:5])
            await asyncio.sleep(0.1)
            device.write(rtu_question(1, 2))
            assert registers(await device.answer(9))[0] == 0x5744


async def test_what_strikes_a_gateway_makes_a_serial_line_silent() -> None:
    async with Campus.start(INSTANT) as campus:
        with Device(campus.gateways[0].gateway) as device:
            for fault in (Fault.GATEWAY_OFFLINE, Fault.HALF_OPEN):
                await campus.inject("lib-1f-east", fault)
                device.write(rtu_question(2, 2))
                with pytest.raises(TimeoutError):
                    await device.answer(1, within=0.1)
                await campus.clear("lib-1f-east")
                device.write(rtu_question(2, 2))
                assert len(await device.answer(9)) == 9


async def test_serial_lines_stand_beside_gateways_in_the_inventory(tmp_path: Path) -> None:
    async with Campus.start(Layout(dispensers=4, units_per_gateway=1, serial_lines=2)) as campus:
        file = tmp_path / "dispensers.yaml"
        campus.write_inventory(file)
        found = [one.address.gateway.transport for one in load_inventory([file], ["default"]).dispensers]
        assert found == ["tcp", "tcp", "serial", "serial"]
