"""What is remembered of a device: its speed, its silence, its holes, and what changes slowly."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Literal

import pytest

from exporters.dispenser.decode import Discarded
from exporters.dispenser.device import Device, now
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import Place, Refresh, RegisterMap, Traits, Value
from laboratory.modbus.gateway import Behaviour, Gateway, Peer, Question, serving
from laboratory.modbus.kept_line import line_to
from tapwatch.catalogue import DISPENSER_ERROR_CODE
from tapwatch.errors import PollError, PollReason


def value_at(number: int, refresh: Refresh = "always", exponent: int | None = None) -> Value:
    place = None if exponent is None else Place("input", exponent)
    labels = {"at": str(number)}
    return Value(Place("input", number), "u16", "ABCD", DISPENSER_ERROR_CODE, labels, refresh=refresh, exponent=place)


def module_of(*values: Value, traits: Traits | None = None) -> Module:
    return Module(RegisterMap("test", "", "ABCD", None, values, traits or Traits()))


async def probe(device: Device, budget: float = 5, *, has_neighbours: bool = False) -> Probe:
    result, _ = await device.probe(budget, has_neighbours=has_neighbours)
    return result


def numbers_of(result: Probe) -> list[float]:
    return [float(text) for text in result.reading.texts if text is not None]


def asked(gateway: Gateway) -> list[str]:
    return [f"{question.start}+{question.count}" for question in gateway.questions]


async def own_numbers(question: Question, peer: Peer) -> None:
    peer.write(question.right)


def a_device_with(*, holes: Collection[int] = (), cap: int = 125, code: int = 2) -> Behaviour:
    async def behave(question: Question, peer: Peer) -> None:
        span = range(question.start, question.start + question.count)
        if question.count > cap or any(number in holes for number in span):
            peer.write(question.refuse(code))
        else:
            await own_numbers(question, peer)

    return behave


async def test_a_hole_is_found_once_and_never_asked_for_again() -> None:
    values = [value_at(number) for number in (0, 1, 2, 5, 6, 9)]
    async with serving(a_device_with(holes={3, 7})) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*values), line, 1)
        for _ in range(4):
            result = await probe(device)
            assert numbers_of(result) == [0, 1, 2, 5, 6, 9]
        gateway.questions.clear()
        assert numbers_of(await probe(device)) == [0, 1, 2, 5, 6, 9]
        assert asked(gateway) == ["0+3", "5+2", "9+1"]


async def test_a_value_that_the_device_does_not_have_is_missing_alone() -> None:
    values = [value_at(number) for number in range(6)]
    async with serving(a_device_with(holes={4})) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*values), line, 1)
        for _ in range(2):
            result = await probe(device)
            assert result.error is None
            assert numbers_of(result) == [0, 1, 2, 3, 5]
            assert list(result.reading.discarded.values()) == [Discarded.REFUSED]
        gateway.questions.clear()
        await probe(device)
        assert asked(gateway) == ["0+4", "5+1"]


@pytest.mark.parametrize("code", [2, 3])
@pytest.mark.parametrize("cap", [1, 10, 16, 30, 64])
async def test_a_device_that_takes_fewer_registers_is_asked_for_as_many_as_it_takes(cap: int, code: int) -> None:
    values = [value_at(number) for number in range(100)]
    async with serving(a_device_with(cap=cap, code=code)) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*values), line, 1)
        for _ in range(12):
            assert numbers_of(await probe(device, 30)) == list(range(100))
        gateway.questions.clear()
        await probe(device)
        assert len(gateway.questions) == -(-100 // cap), asked(gateway)


async def test_a_device_that_refuses_everything_is_asked_little_and_seen_when_it_is_back() -> None:
    well = False

    async def behave(question: Question, peer: Peer) -> None:
        await (own_numbers(question, peer) if well else a_device_with(cap=0)(question, peer))

    values = [value_at(number) for number in range(0, 80, 2)]
    async with serving(behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*values), line, 1)
        result = await probe(device)
        assert result.error is not None
        assert result.error.reason is PollReason.EXCEPTION
        assert len(gateway.questions) <= 10
        well = True
        await probe(device)
        assert numbers_of(await probe(device)) == list(range(0, 80, 2))


async def test_simultaneous_probes_share_one_exchange() -> None:
    async def slowly(question: Question, peer: Peer) -> None:
        await asyncio.sleep(0.1)
        await own_numbers(question, peer)

    async with serving(slowly) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(value_at(7)), line, 1)
        results = await asyncio.gather(*(device.probe(5) for _ in range(10)))
        assert len(gateway.questions) == 1
        assert [numbers_of(result) for result, _ in results] == [[7]] * 10
        assert [is_shared for _, is_shared in results] == [False] + [True] * 9
        await probe(device)
        assert len(gateway.questions) == 2, "what is over is not shared"
        result, is_shared = await device.probe(5, reuse=10)
        assert (len(gateway.questions), is_shared, numbers_of(result)) == (2, True, [7])


async def test_a_shared_probe_outlives_the_one_who_asked_first() -> None:
    async def slowly(question: Question, peer: Peer) -> None:
        await asyncio.sleep(0.1)
        await own_numbers(question, peer)

    async with serving(slowly) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(value_at(7)), line, 1)
        first = asyncio.create_task(device.probe(5))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(device.probe(5))
        await asyncio.sleep(0.02)
        first.cancel()
        result, _ = await second
        assert numbers_of(result) == [7]


SLOW_LINE = Traits(baudrate=9600)


async def test_what_changes_slowly_is_read_again_when_it_is_old() -> None:
    module = module_of(value_at(0), value_at(60, "slow"), value_at(90, "static"), traits=SLOW_LINE)
    module = Module(replace(module.map, max_age={"slow": 0.3, "static": 60}))
    async with serving(own_numbers) as gateway, line_to(gateway) as line:
        device = Device(1, module, line, 1)
        first, second = await probe(device), await probe(device)
        assert numbers_of(first) == numbers_of(second) == [0, 60, 90]
        assert (first.cached, second.cached) == (0, 2)
        assert asked(gateway) == ["0+1", "60+1", "90+1", "0+1"]
        await asyncio.sleep(0.35)
        assert (await probe(device)).cached == 1
        assert asked(gateway)[4:] == ["0+1", "60+1"]


async def test_what_was_read_before_is_no_reading_of_a_silent_device() -> None:
    silent = False

    async def behave(question: Question, peer: Peer) -> None:
        if not silent:
            await own_numbers(question, peer)

    async with serving(behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(value_at(0), value_at(60, "static"), traits=SLOW_LINE), line, 0.2)
        assert numbers_of(await probe(device)) == [0, 60]
        silent = True
        assert numbers_of(await probe(device)) == []


async def test_an_exponent_in_another_answer_scales_the_first() -> None:
    """Register 90 holds 90, which is no exponent; 2 is 2."""
    values = (value_at(60, exponent=2), value_at(70, exponent=90))
    async with serving(own_numbers) as gateway, line_to(gateway) as line:
        result = await probe(Device(1, module_of(*values, traits=SLOW_LINE), line, 1))
        assert len(gateway.questions) > 1
        assert numbers_of(result) == [6000]
        assert list(result.reading.discarded.values()) == [Discarded.NOT_AVAILABLE]


async def test_a_busy_device_is_asked_again() -> None:
    refusals = iter([6, 5, 6])

    async def busy(question: Question, peer: Peer) -> None:
        code = next(refusals, None)
        await (own_numbers(question, peer) if code is None else a_device_with(cap=0, code=code)(question, peer))

    async with serving(busy) as gateway, line_to(gateway) as line:
        assert numbers_of(await probe(Device(1, module_of(value_at(3)), line, 1))) == [3]
        assert len(gateway.questions) == 4


async def test_a_device_that_stays_busy_is_down_for_that() -> None:
    async with serving(a_device_with(cap=0, code=6)) as gateway, line_to(gateway) as line:
        result = await probe(Device(1, module_of(value_at(3)), line, 1))
        assert "device busy" in str(result.error)
        assert numbers_of(result) == []


async def test_a_gateway_that_says_its_target_is_silent_is_told_as_timeout() -> None:
    async with serving(a_device_with(cap=0, code=11)) as gateway, line_to(gateway) as line:
        result = await probe(Device(1, module_of(value_at(3)), line, 1))
        assert result.error is not None
        assert result.error.reason is PollReason.TIMEOUT
        assert "exception 11" in str(result.error)


async def test_a_silent_unit_with_neighbours_is_asked_less_and_less_often() -> None:
    async def be_silent(_question: Question, _peer: Peer) -> None:
        return

    async with serving(be_silent) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(value_at(3)), line, 0.1)
        for _ in range(2):
            assert not (await probe(device, has_neighbours=True)).suspended
        before = len(gateway.questions)
        for _ in range(50):
            result = await probe(device, has_neighbours=True)
            assert result.suspended
            assert result.error is not None
            assert result.error.reason is PollReason.TIMEOUT
        assert len(gateway.questions) == before
        await probe(device)
        assert len(gateway.questions) > before, "alone, it hurts nobody"


async def test_a_suspended_unit_is_tried_again_in_a_lull() -> None:
    tried = asyncio.Event()

    async def behave(question: Question, peer: Peer) -> None:
        if question.unit == 9:
            tried.set()
        await own_numbers(question, peer)

    async with serving(behave) as gateway, line_to(gateway) as line:
        living, dead = (Device(unit, module_of(value_at(3)), line, 1) for unit in (1, 9))
        for _ in range(2):
            dead.breaker.note_silence(PollError(PollReason.TIMEOUT, "test"), now() - 60)
        assert (await probe(dead, has_neighbours=True)).suspended
        for _ in range(20):
            await probe(living)
            await asyncio.sleep(0.02)
        assert not tried.is_set(), "others were asking"
        await asyncio.wait_for(tried.wait(), 10)


async def test_a_suspended_unit_is_back_after_one_short_question() -> None:
    silent = True

    async def behave(question: Question, peer: Peer) -> None:
        if not silent:
            await own_numbers(question, peer)

    async with serving(behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*(value_at(number) for number in range(40))), line, 0.1)
        await probe(device)
        await probe(device)
        silent = False
        gateway.questions.clear()
        assert numbers_of(await probe(device)) == list(range(40))
        assert asked(gateway) == ["0+1", "0+40"]


async def test_a_unit_that_was_quick_is_given_up_soon_and_waited_for_once_more() -> None:
    slow = False

    async def behave(question: Question, peer: Peer) -> None:
        await asyncio.sleep(0.6 if slow else 0)
        await own_numbers(question, peer)

    async with serving(behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(value_at(3)), line, 2)
        for _ in range(5):
            await probe(device)
        slow = True
        started = time.monotonic()
        assert numbers_of(await probe(device)) == [3]
        assert 0.8 < time.monotonic() - started < 1.8


class Overlapping:
    """A gateway that answers after a while, and how many questions it had at once."""

    def __init__(self, *, most: int = 100, mixes_up: bool = False) -> None:
        self.waiting: list[Question] = []
        self.peak = 0
        self._most = most
        self._mixes_up = mixes_up
        self._tasks: set[asyncio.Task[None]] = set()

    async def behave(self, question: Question, peer: Peer) -> None:
        if len(self.waiting) >= self._most:
            return  # dropped, as cheap gateways do
        self.waiting.append(question)
        self.peak = max(self.peak, len(self.waiting))
        self._tasks.add(asyncio.create_task(self._answer(question, peer)))

    async def _answer(self, question: Question, peer: Peer) -> None:
        await asyncio.sleep(0.01)
        latest = self.waiting[-1]
        self.waiting.remove(question)
        label = latest if self._mixes_up else question
        peer.write(label.frame(question.body))


SCATTERED = [value_at(number) for number in range(0, 60, 3)]


@pytest.mark.parametrize(("in_flight", "peak"), [(1, 1), (4, 4), ("learn", 16)])
async def test_questions_overlap_where_the_map_says_so_or_the_gateway_proves_itself(
    in_flight: int | Literal["learn"], peak: int
) -> None:
    gateway_behind = Overlapping()
    traits = Traits(in_flight=in_flight, holes="forbid")
    async with serving(gateway_behind.behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*SCATTERED, traits=traits), line, 1)
        for _ in range(20):
            assert numbers_of(await probe(device)) == list(range(0, 60, 3))
    assert gateway_behind.peak == peak


@pytest.mark.parametrize("in_flight", [4, "learn"])
async def test_a_gateway_that_drops_overlapping_questions_is_asked_one_at_a_time(
    in_flight: int | Literal["learn"],
) -> None:
    gateway_behind = Overlapping(most=1)
    traits = Traits(in_flight=in_flight, holes="forbid")
    async with serving(gateway_behind.behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*SCATTERED, traits=traits), line, 0.2)
        results = [numbers_of(await probe(device)) for _ in range(4)]
        assert results[1:] == [list(range(0, 60, 3))] * 3
        assert gateway.connections == 2


async def test_a_gateway_that_mixes_up_overlapping_questions_is_found_out_before_it_can_do_harm() -> None:
    gateway_behind = Overlapping(mixes_up=True)
    traits = Traits(in_flight="learn", holes="forbid")
    async with serving(gateway_behind.behave) as gateway, line_to(gateway) as line:
        device = Device(1, module_of(*SCATTERED, traits=traits), line, 0.2)
        for _ in range(5):
            result = await probe(device)
            shown = {
                slot.labels[0][1]: text
                for slot, text in zip(result.module.decoder.slots, result.reading.texts, strict=True)
            }
            assert all(text is None or float(text) == float(at) for at, text in shown.items())
        assert numbers_of(await probe(device)) == list(range(0, 60, 3))
