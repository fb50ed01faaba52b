"""Gateways with a serial line behind them: one exchange at a time, each as long as its bytes take."""

import asyncio
import time

import pytest
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ExceptionResponse

from exporters.dispenser.address import SerialSettings
from exporters.dispenser.simulator.campus import Campus, SimulatedDispenser
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.layout import Layout
from exporters.dispenser.simulator.line import LineTiming
from tests.integration.simulator.client import ask, client_of
from tests.integration.simulator.wire import rtu_question, tcp_question, wire_to

FAST = 115200


def line(
    dispensers: int, baudrate: int = FAST, turnaround: float = 0.02, rtu_share: float = 0, **more: float
) -> Layout:
    """One gateway with them all behind it."""
    return Layout(
        dispensers=dispensers,
        units_per_gateway=dispensers,
        rtu_share=rtu_share,
        baudrate=baudrate,
        turnaround_seconds=turnaround,
        **more,  # type: ignore[arg-type]  # limits and delays
    )


def exchange_seconds(baudrate: int, registers: int = 48, turnaround: float = 0.02) -> float:
    return LineTiming(SerialSettings(baudrate), turnaround).exchange_seconds(8, 5 + 2 * registers)


async def sweep_alone(dispensers: list[SimulatedDispenser]) -> None:
    """One request after the other, over one connection."""
    async with client_of(dispensers[0].gateway.gateway, timeout=5) as client:
        for one in dispensers:
            assert (
                len((await client.read_input_registers(0, count=48, device_id=one.unit.address.unit)).registers) == 48
            )


async def sweep_together(dispensers: list[SimulatedDispenser]) -> None:
    """All at once, each over its own connection."""
    await asyncio.gather(*(sweep_alone([one]) for one in dispensers))


@pytest.mark.parametrize("sweep", [sweep_alone, sweep_together])
@pytest.mark.parametrize(("rtu_share", "baudrate"), [(0, 9600), (1, 38400)])
async def test_a_sweep_takes_what_its_bytes_take(sweep: object, rtu_share: float, baudrate: int) -> None:
    assert callable(sweep)
    expected = 8 * exchange_seconds(baudrate)
    async with Campus.start(line(8, baudrate, rtu_share=rtu_share)) as campus:
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            await sweep(list(campus.dispensers.values()))
            seconds.append(time.perf_counter() - began)
        assert expected <= seconds[0]
        assert min(seconds) < 1.05 * expected + 0.02  # a busy machine takes longer now and then
        assert campus.gateways[0].traffic.line_seconds == pytest.approx(3 * expected)


async def test_a_refusal_is_short_on_the_line() -> None:
    async with Campus.start(line(1, 9600)) as campus:
        (dispenser,) = campus.dispensers.values()
        async with client_of(dispenser.gateway.gateway) as client:
            assert (await client.read_input_registers(5000, count=48, device_id=1)).isError()
        assert dispenser.gateway.traffic.line_seconds == pytest.approx(13 * 11 / 9600 + 2 * 3.5 * 11 / 9600 + 0.02)


async def test_a_silent_unit_keeps_the_line_for_the_gateways_timeout() -> None:
    async with Campus.start(line(2, gateway_timeout_seconds=0.2)) as campus:
        silent, living = campus.dispensers.values()
        await campus.inject(silent.name, Fault.OFFLINE)
        began = time.perf_counter()
        refusal, answer = await asyncio.gather(ask(silent), ask(living))
        assert isinstance(refusal, ExceptionResponse)
        assert refusal.exception_code == 0x0B
        assert len(answer.registers) == 48
        assert time.perf_counter() - began >= 0.2 + exchange_seconds(FAST)


async def test_a_gateway_with_rtu_framing_says_nothing_of_a_silent_unit() -> None:
    async with Campus.start(line(2, rtu_share=1, gateway_timeout_seconds=0.1)) as campus:
        silent, living = campus.dispensers.values()
        await campus.inject(silent.name, Fault.OFFLINE)
        with pytest.raises(ModbusIOException):
            await ask(silent)
        assert len((await ask(living)).registers) == 48
        assert silent.gateway.traffic.line_seconds == pytest.approx(0.1 + exchange_seconds(FAST))


async def test_a_unit_slower_than_the_gateway_waits_is_silent_to_it() -> None:
    async with Campus.start(line(1, gateway_timeout_seconds=0.1, slow_seconds=0.2)) as campus:
        (dispenser,) = campus.dispensers.values()
        await campus.inject(dispenser.name, Fault.SLOW)
        answer = await ask(dispenser)
        assert isinstance(answer, ExceptionResponse)
        assert answer.exception_code == 0x0B


async def test_a_slow_unit_holds_up_its_neighbours() -> None:
    async with Campus.start(line(2, slow_seconds=0.2)) as campus:
        slow, other = campus.dispensers.values()
        await campus.inject(slow.name, Fault.SLOW)
        began = time.perf_counter()
        await asyncio.gather(ask(slow), ask(other))
        assert time.perf_counter() - began >= 0.2 + 2 * exchange_seconds(FAST)


async def test_requests_in_flight_wait_for_the_line_and_keep_their_transactions() -> None:
    async with (
        Campus.start(line(3)) as campus,
        wire_to(campus.gateways[0].gateway) as wire,
    ):
        wire.writer.write(b"".join(tcp_question(100 + number, number % 3 + 1, number + 1) for number in range(9)))
        answers = [await wire.answer() for _ in range(9)]
        assert [(one[0], one[1], one[2][1]) for one in answers] == [
            (100 + number, number % 3 + 1, 2 * number + 2) for number in range(9)
        ]


async def test_a_full_queue_is_refused_as_busy() -> None:
    async with (
        Campus.start(line(1, queue=2)) as campus,
        wire_to(campus.gateways[0].gateway) as wire,
    ):
        wire.writer.write(b"".join(tcp_question(number, 1) for number in range(5)))
        answers = {number: body for number, _, body in [await wire.answer() for _ in range(5)]}
        assert [len(answers[number]) for number in range(5)] == [98, 98, 98, 2, 2]
        assert answers[4] == bytes([0x84, 6])
        assert campus.gateways[0].traffic.refused == 2


async def test_a_cheap_gateway_loses_what_comes_while_it_works() -> None:
    async with (
        Campus.start(line(1, in_flight=1)) as campus,
        wire_to(campus.gateways[0].gateway) as wire,
        wire_to(campus.gateways[0].gateway) as other,
    ):
        wire.writer.write(tcp_question(1, 1) + tcp_question(2, 1))
        other.writer.write(tcp_question(3, 1))
        assert (await wire.answer())[0] == 1
        assert (await other.answer())[0] == 3  # each connection has its own
        wire.writer.write(tcp_question(4, 1))
        assert (await wire.answer())[0] == 4
        assert campus.gateways[0].traffic.dropped == 1


async def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, connections=1)) as campus:
        gateway = campus.gateways[0]
        async with wire_to(gateway.gateway) as first, wire_to(gateway.gateway) as second:
            first.writer.write(tcp_question(1, 1))
            assert (await first.answer())[0] == 1
            assert await asyncio.wait_for(second.reader.read(), 5) == b""
            assert (gateway.traffic.connections, gateway.traffic.turned_away) == (1, 1)
        await asyncio.sleep(0.05)
        async with wire_to(gateway.gateway) as third:
            third.writer.write(tcp_question(2, 1))
            assert (await third.answer())[0] == 2


async def test_a_request_that_nobody_waits_for_keeps_the_line_all_the_same() -> None:
    async with Campus.start(line(1, 9600)) as campus:
        gateway = campus.gateways[0]
        async with wire_to(gateway.gateway) as wire:
            wire.writer.write(tcp_question(1, 1))
            await asyncio.sleep(0.02)
        assert len((await ask(next(iter(campus.dispensers.values())))).registers) == 48
        assert gateway.traffic.line_seconds == pytest.approx(2 * exchange_seconds(9600))


async def test_rtu_requests_that_arrive_together_are_all_answered() -> None:
    async with (
        Campus.start(line(2, rtu_share=1)) as campus,
        wire_to(campus.gateways[0].gateway) as wire,
    ):
        wire.writer.write(rtu_question(1, 2) + rtu_question(2, 3))
        assert len(await wire.heard(0.2)) == 5 + 4 + 5 + 6
