"""RTU framing, where nothing but unit, function and length tells whose answer an answer is."""

import asyncio
import struct
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from exporters.dispenser import framing
from exporters.dispenser.device import Device
from exporters.dispenser.line import Line, Terms, Turn
from exporters.dispenser.module import Module
from exporters.dispenser.registermap import Place, RegisterMap, Traits, Value
from laboratory.modbus.gateway import Actions, Gateway, Question, acting, serving
from laboratory.modbus.kept_line import line_to
from tapwatch.catalogue import DISPENSER_ERROR_CODE
from tapwatch.errors import PollError, PollReason


def serving_rtu(actions: Callable[[Question], Actions]) -> AbstractAsyncContextManager[Gateway]:
    """A transparent serial server: what comes late goes to whoever is connected by then."""
    return serving(acting(actions), "rtu+tcp", overlapping=True, forgets_who_asked=True)


def module_at(*starts: int, size: int = 4) -> Module:
    """Blocks of the same length, too far from each other to be read as one."""
    values = tuple(
        Value(Place("holding", start + offset), "u16", "ABCD", DISPENSER_ERROR_CODE, {"at": str(start + offset)})
        for start in starts
        for offset in range(size)
    )
    return Module(RegisterMap("test", "", "ABCD", None, values, Traits()))


async def values(line: Line, *starts: int, unit: int = 1, timeout: float = 0.3) -> list[float] | PollReason:  # noqa: ASYNC109 - as the exporter's
    result, _ = await Device(unit, module_at(*starts), line, timeout).probe(3)
    if result.error is not None:
        return result.error.reason
    return [float(text) for text in result.reading.texts if text is not None]


async def test_registers_are_read_over_one_connection() -> None:
    async with serving_rtu(lambda asked: [(0, asked.right)]) as gateway, line_to(gateway) as line:
        assert await values(line, 100) == [100, 101, 102, 103]
        assert await values(line, 100, 501) == [100, 101, 102, 103, 501, 502, 503, 504]
    assert (gateway.connections, [asked.count for asked in gateway.questions]) == (1, [4, 4, 1, 4])


@pytest.mark.parametrize("delay", [0.35, 0.5, 0.7])
async def test_a_late_answer_is_never_taken_for_the_next_questions(delay: float) -> None:
    """The gateway passes it on to whoever is connected by then, so that closing the connection does not help."""
    first = True

    def behave(asked: Question) -> Actions:
        nonlocal first
        was_first, first = first, False
        return [(delay if was_first else 0.4, asked.right)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        assert await values(line, 100) is PollReason.TIMEOUT
        assert await values(line, 500, timeout=1) == [500, 501, 502, 503]
    assert gateway.questions[1].count != 4, "a question of another length went first"


async def test_an_answer_that_comes_twice_is_never_taken_for_the_next_questions() -> None:
    def behave(asked: Question) -> Actions:
        return [(0, asked.right), (0.01, asked.right)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        for _ in range(5):
            assert await values(line, 100, 500, 900) == [
                *range(100, 104),
                *range(500, 504),
                *range(900, 904),
            ]


async def test_a_gateways_own_second_try_is_never_taken_for_the_next_questions() -> None:
    """It asks a slow unit again, and both answers come, the second one while the next question is under way."""

    def behave(asked: Question) -> Actions:
        return [(0.12, asked.right), (0.22, asked.right)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        for _ in range(3):
            assert await values(line, 100, 500, timeout=1) == [*range(100, 104), *range(500, 504)]


async def test_what_is_lost_after_a_sentinel_was_answered_is_not_taken_either() -> None:
    """Another unit's question goes before the one that was cleared, and the lost answer carries the wrong unit."""
    sentinel_asked = asyncio.Event()

    def behave(asked: Question) -> Actions:
        if asked.count == 1:
            sentinel_asked.set()
        if asked.unit == 1:
            return [(0.15, replace(asked, unit=2).right)]
        if asked.start == 500:
            return []
        return [(0.1, asked.right)]

    def ask(line: Line, unit: int, start: int, turn: Turn) -> "asyncio.Task[tuple[bytes, float]]":
        terms = Terms(turn, asyncio.get_running_loop().time() + 3, 0.1 if start == 500 else 1, 1)
        return asyncio.create_task(line.ask(framing.Question(unit, 3, start, 4), terms))

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        with pytest.raises(PollError):
            await ask(line, 2, 500, (0, 1))
        cleared = ask(line, 2, 100, (1, 2))
        await sentinel_asked.wait()
        urgent = ask(line, 1, 500, (0, 3))
        data, _ = await cleared
        assert data == struct.pack(">4H", 100, 101, 102, 103)
        assert [(asked.unit, asked.start) for asked in gateway.questions[1:3]] == [(2, 100), (1, 500)]
        await asyncio.gather(urgent, return_exceptions=True)


async def test_noise_and_the_echo_of_the_question_are_no_answer() -> None:
    def behave(asked: Question) -> Actions:
        echo = framing.RtuFraming.encode(0, framing.Question(asked.unit, asked.function, asked.start, asked.count))
        return [(0, b"\x00\xff" + echo + b"\xff" + asked.right)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        assert await values(line, 100) == [100, 101, 102, 103]


async def test_another_units_frame_between_question_and_answer_is_left_out() -> None:
    """Even when its data holds what looks like the right answer."""

    def behave(asked: Question) -> Actions:
        fake = asked.answer(9, 9, 9, 9)
        padded = fake + bytes(len(fake) % 2)
        numbers = [int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)]
        stray = replace(asked, unit=asked.unit + 1).answer(*numbers)
        return [(0, stray + asked.right)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        assert await values(line, 100) == [100, 101, 102, 103]


@pytest.mark.parametrize("size", [1, 3])
async def test_an_answer_may_come_in_pieces(size: int) -> None:
    def behave(asked: Question) -> Actions:
        frame = asked.right
        return [(at * 0.001, frame[at : at + size]) for at in range(0, len(frame), size)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        assert await values(line, 100) == [100, 101, 102, 103]


async def test_a_broken_frame_is_told_as_garbled() -> None:
    def behave(asked: Question) -> Actions:
        frame = bytearray(asked.right)
        frame[5] ^= 0x10
        return [(0, bytes(frame))]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        assert await values(line, 100) is PollReason.GARBLED


async def test_a_stream_without_an_end_is_cut() -> None:
    async with serving_rtu(lambda _: [(0, b"\x55" * 100_000)]) as gateway, line_to(gateway) as line:
        assert await values(line, 100, timeout=2) is PollReason.GARBLED
        assert not line.busy


async def test_a_living_unit_answers_while_the_line_recovers_from_a_silent_one() -> None:
    def behave(asked: Question) -> Actions:
        return [] if asked.unit == 2 else [(0, asked.right)]

    async with serving_rtu(behave) as gateway, line_to(gateway) as line:
        silent, living = await asyncio.gather(values(line, 100, unit=2), values(line, 100, unit=1))
    assert silent is PollReason.TIMEOUT
    assert living == [100, 101, 102, 103]
