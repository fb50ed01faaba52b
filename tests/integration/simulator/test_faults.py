"""The faults of the line, byte by byte, as a client meets them."""

import asyncio
import time

import pytest
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerRTU

from exporters.dispenser.simulator.campus import Campus, SimulatedDispenser
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.layout import Layout
from tests.integration.simulator.client import ask, client_of
from tests.integration.simulator.wire import rtu_question, tcp_question, wire_to

ON_TCP = Layout(dispensers=2, rtu_share=0, speed=0)
ON_RTU = Layout(dispensers=2, rtu_share=1, speed=0)


async def heard(layout: Layout, fault: Fault | None, question: bytes, seconds: float = 0.08) -> bytes:
    """What comes for a question to the first unit."""
    async with Campus.start(layout, clock=lambda: 1_790_000_000.0) as campus:
        if fault is not None:
            await campus.inject("lib-1f-east", fault)
        async with wire_to(campus.gateways[0].gateway) as wire:
            wire.writer.write(question)
            return await wire.heard(seconds)


async def on_tcp(fault: Fault | None) -> bytes:
    return await heard(ON_TCP, fault, tcp_question(7, 1, count=2))


async def on_rtu(fault: Fault | None) -> bytes:
    return await heard(ON_RTU, fault, rtu_question(1, count=2))


def has_right_crc(frame: bytes) -> bool:
    return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


RIGHT_TCP = bytes.fromhex("0007 0000 0007 01 04 04 5744 0001")


async def test_the_right_answers() -> None:
    assert await on_tcp(None) == RIGHT_TCP
    right = await on_rtu(None)
    assert right[:-2] == RIGHT_TCP[6:]
    assert has_right_crc(right)


async def test_answers_of_another_function() -> None:
    assert await on_tcp(Fault.WRONG_FUNCTION) == bytes.fromhex("0007 0000 0007 01 03 04 5744 0001")
    assert has_right_crc(await on_rtu(Fault.WRONG_FUNCTION))


async def test_answers_of_another_length() -> None:
    assert await on_tcp(Fault.WRONG_COUNT) == bytes.fromhex("0007 0000 0005 01 04 02 5744")
    assert await heard(ON_TCP, Fault.WRONG_COUNT, tcp_question(7, 1, count=1)) == bytes.fromhex(
        "0007 0000 0007 01 04 04 5744 5744"
    )
    assert has_right_crc(await on_rtu(Fault.WRONG_COUNT))


async def test_answers_of_another_transaction() -> None:
    assert await on_tcp(Fault.WRONG_TRANSACTION) == bytes.fromhex("0008") + RIGHT_TCP[2:]
    assert await on_rtu(Fault.WRONG_TRANSACTION) == await on_rtu(None)


async def test_answers_with_a_wrong_checksum() -> None:
    right, wrong = await on_rtu(None), await on_rtu(Fault.BAD_CRC)
    assert wrong[:-2] == right[:-2]
    assert wrong[-2:] != right[-2:]
    assert await on_tcp(Fault.BAD_CRC) == RIGHT_TCP


async def test_answers_without_their_end() -> None:
    assert await on_tcp(Fault.TRUNCATED) == RIGHT_TCP[:-3]
    assert await on_rtu(Fault.TRUNCATED) == (await on_rtu(None))[:-3]


async def test_answers_that_come_twice() -> None:
    assert await on_tcp(Fault.DUPLICATE) == 2 * RIGHT_TCP
    assert await on_rtu(Fault.DUPLICATE) == 2 * await on_rtu(None)


async def test_a_stray_frame_before_the_right_one() -> None:
    assert await on_tcp(Fault.INTERLEAVED) == bytes.fromhex("0006 0000 0007 02 04 04 2A2A 2A2A") + RIGHT_TCP
    stray, right = (await on_rtu(Fault.INTERLEAVED))[:9], await on_rtu(None)
    assert (stray[0], has_right_crc(stray)) == (2, True)
    assert (await on_rtu(Fault.INTERLEAVED))[9:] == right


async def test_an_answer_byte_by_byte_is_one_all_the_same() -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, split_seconds=0.003)) as campus:
        (dispenser,) = campus.dispensers.values()
        await campus.inject(dispenser.name, Fault.SPLIT)
        began = time.perf_counter()
        assert len((await ask(dispenser)).registers) == 48
        assert time.perf_counter() - began >= 0.003 * 104


async def test_the_bytes_of_two_answers_never_mix() -> None:
    async with Campus.start(ON_TCP, clock=lambda: 1_790_000_000.0) as campus:
        await campus.inject("lib-1f-east", Fault.SPLIT)
        async with wire_to(campus.gateways[0].gateway) as wire:
            wire.writer.write(tcp_question(7, 1, count=2) + tcp_question(8, 2, count=2) + tcp_question(9, 1, count=2))
            assert [(await wire.answer())[:2] for _ in range(3)] == [(7, 1), (8, 2), (9, 1)]


async def test_faults_of_frames_add_up() -> None:
    async with Campus.start(ON_TCP) as campus:
        for fault in (Fault.TRUNCATED, Fault.DUPLICATE, Fault.WRONG_TRANSACTION):
            await campus.inject("lib-1f-east", fault)
        async with wire_to(campus.gateways[0].gateway) as wire:
            wire.writer.write(tcp_question(7, 1, count=2))
            assert await wire.heard(0.1) == 2 * (bytes.fromhex("0008") + RIGHT_TCP[2:-3])


@pytest.mark.parametrize("rtu_share", [0, 1])
async def test_a_late_answer_comes_after_the_client_gave_up(rtu_share: float) -> None:
    layout = Layout(dispensers=2, rtu_share=rtu_share, baudrate=115200, gateway_timeout_seconds=0.1, late_seconds=0.5)
    async with Campus.start(layout) as campus:
        late, other = campus.dispensers.values()
        await campus.inject(late.name, Fault.LATE)
        async with wire_to(late.gateway.gateway) as wire:
            wire.writer.write(rtu_question(1, 2) if rtu_share else tcp_question(9, 1, 2))
            began = time.perf_counter()
            assert len((await ask(other)).registers) == 48  # the line is free again before the answer is there
            assert time.perf_counter() - began < 0.4
            assert await wire.heard(0.2) == b""
            answer = await wire.heard(0.4)
            assert answer[-2:] == b"\x00\x01" if not rtu_share else has_right_crc(answer)


async def test_a_flapping_unit_goes_and_comes() -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, flap_seconds=0.5)) as campus:
        (dispenser,) = campus.dispensers.values()
        await campus.inject(dispenser.name, Fault.FLAPPING)
        for answers in (False, True, False):
            assert await _answers(dispenser) is answers
            await asyncio.sleep(0.45 if answers else 0.2)  # a silent unit takes up the client's 0.4 s
        await campus.clear(dispenser.name)
        assert await _answers(dispenser)


async def test_a_half_open_gateway_keeps_its_connections_and_says_nothing() -> None:
    async with Campus.start(ON_TCP) as campus:
        first, second = campus.dispensers.values()
        async with client_of(first.gateway.gateway) as client:
            await campus.inject(first.name, Fault.HALF_OPEN)
            with pytest.raises(ModbusIOException):
                await client.read_input_registers(0, count=1, device_id=2)
            assert not await _answers(second)
            assert client.connected
            await campus.clear(first.name)
            assert (await client.read_input_registers(0, count=1, device_id=2)).registers == [0x5744]


async def test_a_gateway_that_restarts_is_back_by_itself() -> None:
    async with Campus.start(Layout(dispensers=2, rtu_share=0, restart_seconds=0.3)) as campus:
        first, second = campus.dispensers.values()
        async with wire_to(first.gateway.gateway) as wire:
            await campus.inject(first.name, Fault.RESTART)
            assert await asyncio.wait_for(wire.reader.read(), 5) == b""
        with pytest.raises(ConnectionRefusedError):
            async with wire_to(first.gateway.gateway):
                pass
        await asyncio.sleep(0.5)
        assert first.unit.faults == set()
        assert await _answers(second)


async def test_a_restart_can_be_cut_short() -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, restart_seconds=60)) as campus:
        (dispenser,) = campus.dispensers.values()
        await campus.inject(dispenser.name, Fault.RESTART)
        await campus.clear(dispenser.name, Fault.RESTART)
        assert await _answers(dispenser)


async def test_a_campus_ends_while_a_gateway_restarts() -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, restart_seconds=60)) as campus:
        await campus.inject("lib-1f-east", Fault.RESTART)


async def _answers(dispenser: SimulatedDispenser) -> bool:
    try:
        return len((await ask(dispenser)).registers) == 48
    except ModbusIOException:
        return False
