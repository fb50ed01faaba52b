"""A probe against gateways that behave, and against those that do not."""

import asyncio
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from exporters.dispenser.address import parse_address
from exporters.dispenser.decode import Discarded
from exporters.dispenser.device import Device
from exporters.dispenser.line import Line, LineMetrics
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import Identity, Place, RegisterMap, Traits, Value
from laboratory.modbus.gateway import Gateway, Peer, Question, serving
from tapwatch.catalogue import DISPENSER_AMBIENT_TEMPERATURE, DISPENSER_ERROR_CODE
from tapwatch.errors import PollReason


def a_module(*, identity: int | None = None) -> Module:
    """Two blocks: i0 and i1 together, i5 apart; what lies between must not be read."""
    values = (
        Value(Place("input", 1), "s16", "ABCD", DISPENSER_AMBIENT_TEMPERATURE, {}, scale=0.1),
        Value(Place("input", 5), "u16", "ABCD", DISPENSER_ERROR_CODE, {}),
    )
    found = Identity(Place("input", 0), "u16", identity) if identity else None
    return Module(RegisterMap("test", "", "ABCD", found, values, Traits(holes="forbid")))


MODULE = a_module()
TLS = ssl.create_default_context()


@asynccontextmanager
async def line_to(address: str, registry: CollectorRegistry | None = None) -> AsyncIterator[Line]:
    gateway = parse_address(f"{address}/1").gateway
    line = Line(gateway, 1, TLS, LineMetrics(registry or CollectorRegistry()))
    try:
        yield line
    finally:
        line.close()


async def ask(line: Line, unit: int = 1, *, module: Module = MODULE, budget: float = 2, timeout: float = 0.2) -> Probe:  # noqa: ASYNC109 - as the exporter's
    result, _ = await Device(unit, module, line, timeout).probe(budget)
    return result


def values_of(result: Probe) -> list[float]:
    return [float(text) for text in result.reading.texts if text is not None]


def reason_of(result: Probe) -> str | None:
    return None if result.error is None else result.error.reason


async def echo_address(question: Question, peer: Peer) -> None:
    """Every register holds its own number."""
    peer.write(question.right)


async def test_a_probe_reads_every_block_over_one_connection() -> None:
    async with serving(echo_address) as gateway, line_to(gateway.address) as line:
        first, second = await ask(line), await ask(line, 2)
    assert values_of(first) == values_of(second) == [0.1, 5]
    assert (first.error, first.requests) == (None, 2)
    assert gateway.connections == 1
    assert [question.unit for question in gateway.questions] == [1, 1, 2, 2]
    assert {question.function for question in gateway.questions} == {4}


async def test_a_kept_connection_that_the_gateway_closed_is_replaced_unnoticed() -> None:
    registry = CollectorRegistry()
    async with serving(echo_address) as gateway, line_to(gateway.address, registry) as line:
        await ask(line)
        gateway.hang_up()
        await asyncio.sleep(0.05)
        result = await ask(line)
    assert result.error is None
    assert gateway.connections == 2
    assert registry.get_sample_value("tapwatch_gateway_connections_total") == 2
    assert registry.get_sample_value("tapwatch_gateways_connected") == 0


async def test_nobody_at_the_address_is_told_as_connect() -> None:
    async with line_to("127.0.0.1:1") as line:
        assert reason_of(await ask(line)) == PollReason.CONNECT


async def test_a_name_without_an_address_is_told_as_resolve() -> None:
    async with line_to("dispenser.invalid:502") as line:
        assert reason_of(await ask(line, timeout=2)) == PollReason.RESOLVE


async def test_a_silent_unit_is_told_as_timeout_within_the_request_timeout() -> None:
    async def be_silent(_question: Question, _peer: Peer) -> None:
        return

    async with serving(be_silent) as gateway, line_to(gateway.address) as line:
        started = time.monotonic()
        result = await ask(line)
    assert reason_of(result) == PollReason.TIMEOUT
    assert time.monotonic() - started < 1
    assert len(gateway.questions) == 1, "a silent unit is not asked for the other blocks"


async def test_a_hang_up_instead_of_an_answer_is_told_as_disconnect_without_waiting() -> None:
    async def hang_up(_question: Question, peer: Peer) -> None:
        peer.close()

    async with serving(hang_up) as gateway, line_to(gateway.address) as line:
        started = time.monotonic()
        result = await ask(line, timeout=5, budget=10)
    assert reason_of(result) == PollReason.DISCONNECT
    assert time.monotonic() - started < 2


async def test_a_late_answer_is_never_taken_for_another_questions() -> None:
    late = True

    async def answer_late(question: Question, peer: Peer) -> None:
        if late:
            await asyncio.sleep(0.3)
            peer.write(question.answer(*[0x7FFF] * question.count))
        else:
            await echo_address(question, peer)

    async with serving(answer_late) as gateway, line_to(gateway.address) as line:
        assert reason_of(await ask(line)) == PollReason.TIMEOUT
        late = False
        result = await ask(line)
        await asyncio.sleep(0.3)
        after = await ask(line)
    assert values_of(result) == values_of(after) == [0.1, 5]


WRONG_ANSWERS: dict[str, Callable[[Question], bytes]] = {
    "another unit": lambda question: replace(question, unit=9).answer(7, 7),
    "another transaction": lambda question: replace(question, transaction=999).answer(7, 7),
    "another function": lambda question: replace(question, function=3).answer(7, 7),
    "fewer registers": lambda question: question.answer(7),
    "more registers": lambda question: question.answer(7, 7, 7),
    "half a frame": lambda question: question.answer(7, 7)[:-1],
    "noise": lambda _question: b"\xff" * 40,
}


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
async def test_what_is_no_answer_to_the_question_gives_no_value(kind: str) -> None:
    async def answer(question: Question, peer: Peer) -> None:
        peer.write(WRONG_ANSWERS[kind](question))

    async with serving(answer) as gateway, line_to(gateway.address) as line:
        result = await ask(line, module=a_module(identity=7))
    assert gateway.questions[0].count == 2
    assert values_of(result) == []
    assert reason_of(result) == PollReason.GARBLED


async def test_a_block_that_the_device_refuses_leaves_the_others() -> None:
    async def refuse_the_second(question: Question, peer: Peer) -> None:
        if question.start == 5:
            peer.write(question.refuse(2))
        else:
            await echo_address(question, peer)

    async with serving(refuse_the_second) as gateway, line_to(gateway.address) as line:
        result = await ask(line)
    assert values_of(result) == [0.1]
    assert list(result.reading.discarded.values()) == [Discarded.REFUSED]
    assert result.error is None, "what can be read is right"
    assert gateway.connections == 1


async def test_a_device_that_says_it_has_failed_is_down_with_what_it_did_answer() -> None:
    async def fail_the_second(question: Question, peer: Peer) -> None:
        if question.start == 5:
            peer.write(question.refuse(4))
        else:
            await echo_address(question, peer)

    async with serving(fail_the_second) as gateway, line_to(gateway.address) as line:
        result = await ask(line)
    assert values_of(result) == [0.1]
    assert reason_of(result) == PollReason.EXCEPTION
    assert "exception 4 (device failure)" in str(result.error)


async def test_a_device_that_refuses_everything_is_down() -> None:
    async def refuse(question: Question, peer: Peer) -> None:
        peer.write(question.refuse(2))

    async with serving(refuse) as gateway, line_to(gateway.address) as line:
        device = Device(1, MODULE, line, 0.2)
        first, _ = await device.probe(2)
        second, _ = await device.probe(2)
    assert reason_of(first) == reason_of(second) == PollReason.EXCEPTION
    assert "exception 2 (illegal data address)" in str(first.error)


async def test_a_device_of_another_model_gives_no_values() -> None:
    async with serving(echo_address) as gateway, line_to(gateway.address) as line:
        result = await ask(line, module=a_module(identity=0x5744))
    assert reason_of(result) == PollReason.IDENTITY
    assert values_of(result) == []


async def test_probes_of_one_gateway_stand_in_line() -> None:
    busy = 0
    most = 0

    async def answer_slowly(question: Question, peer: Peer) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.02)
        busy -= 1
        await echo_address(question, peer)

    async with serving(answer_slowly) as gateway, line_to(gateway.address) as line:
        results = await asyncio.gather(*(ask(line, unit, budget=5) for unit in range(1, 9)))
    assert all(result.error is None for result in results)
    assert (gateway.connections, most) == (1, 1)


async def test_who_waits_past_the_deadline_is_told_that_the_gateway_was_busy() -> None:
    async def be_silent(_question: Question, _peer: Peer) -> None:
        return

    async with serving(be_silent) as gateway, line_to(gateway.address) as line:
        first, second = await asyncio.gather(ask(line, timeout=1), ask(line, 2, budget=0.2))
    assert reason_of(first) == PollReason.TIMEOUT
    assert reason_of(second) == PollReason.QUEUE


async def test_a_probe_that_is_called_off_leaves_the_line_usable() -> None:
    silent = True

    async def behave(question: Question, peer: Peer) -> None:
        if not silent:
            await echo_address(question, peer)

    async with serving(behave) as gateway, line_to(gateway.address) as line:
        task = asyncio.create_task(ask(line, timeout=0.5, budget=5))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        silent = False
        assert (await ask(line)).error is None


async def test_coils_and_discrete_inputs_are_read_bit_by_bit() -> None:
    async def answer_bits(question: Question, peer: Peer) -> None:
        peer.write(question.frame(struct.pack(">BBB", question.function, 1, 0b101)))

    values = tuple(Value(Place("coil", at), "bit", "ABCD", DISPENSER_ERROR_CODE, {"at": str(at)}) for at in range(3))
    register_map = RegisterMap("coils", "", "ABCD", None, values)
    async with serving(answer_bits) as gateway, line_to(gateway.address) as line:
        result = await ask(line, module=Module(register_map))
    assert values_of(result) == [1, 0, 1]
    assert gateway.questions[0].function == 1


async def test_nothing_is_ever_written_to_a_device() -> None:
    """Whatever the map's space, only the four functions that read are sent."""
    functions: set[int] = set()

    async def note(question: Question, peer: Peer) -> None:
        functions.add(question.function)
        peer.write(question.refuse(1))

    places = [Place("coil", 1), Place("discrete", 1), Place("holding", 1), Place("input", 1)]
    values = tuple(
        Value(
            place,
            "bit" if place.space in {"coil", "discrete"} else "u16",
            "ABCD",
            DISPENSER_ERROR_CODE,
            {"space": place.space},
        )
        for place in places
    )
    register_map = RegisterMap("all", "", "ABCD", None, values)
    async with serving(note) as gateway, line_to(gateway.address) as line:
        await ask(line, module=Module(register_map))
    assert functions == {1, 2, 3, 4}


async def test_gateways_do_not_wait_for_each_other() -> None:
    async def be_silent(_question: Question, _peer: Peer) -> None:
        return

    silent: Gateway
    async with (
        serving(be_silent) as silent,
        serving(echo_address) as healthy,
        line_to(silent.address) as dead_line,
        line_to(healthy.address) as live_line,
    ):
        dead = asyncio.create_task(ask(dead_line, timeout=1))
        live = await ask(live_line)
        assert live.error is None
        assert live.seconds < 0.5
        assert reason_of(await dead) == PollReason.TIMEOUT
