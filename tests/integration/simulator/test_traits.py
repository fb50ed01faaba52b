"""Difficult devices, as a client meets them."""

import asyncio

import pytest
from pymodbus.exceptions import ModbusIOException

from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.layout import Layout
from exporters.dispenser.simulator.traits import Traits
from tests.integration.simulator.client import ask, client_of


def one(**traits: object) -> Layout:
    return Layout(dispensers=1, rtu_share=0, traits=Traits.model_validate(traits))


async def test_a_request_that_touches_a_hole_is_refused() -> None:
    async with Campus.start(one(holes=["i10-i12", "i20"])) as campus:
        (dispenser,) = campus.dispensers.values()
        for start, count in ((0, 10), (13, 7), (21, 27)):
            assert len((await ask(dispenser, start, count)).registers) == count
        for start, count in ((0, 11), (12, 1), (11, 1), (0, 48), (20, 1)):
            assert (await ask(dispenser, start, count)).exception_code == 2


@pytest.mark.parametrize("code", [2, 3])
async def test_a_request_beyond_the_cap_is_refused(code: int) -> None:
    async with Campus.start(one(cap=20, cap_exception=code)) as campus:
        (dispenser,) = campus.dispensers.values()
        assert len((await ask(dispenser, 0, 20)).registers) == 20
        assert (await ask(dispenser, 0, 21)).exception_code == code


async def test_a_device_that_needs_a_pause_does_not_hear_what_comes_sooner() -> None:
    layout = Layout(dispensers=2, rtu_share=0, traits=Traits(idle_ms=100))
    async with Campus.start(layout) as campus, client_of(campus.gateways[0].gateway) as client:
        await client.read_input_registers(0, count=1, device_id=1)
        await client.read_input_registers(0, count=1, device_id=2)  # another unit's silence is its own
        with pytest.raises(ModbusIOException):
            await client.read_input_registers(0, count=1, device_id=1)
        await asyncio.sleep(0.11)
        assert (await client.read_input_registers(0, count=1, device_id=1)).registers == [0x5744]


async def test_on_a_serial_line_the_pause_begins_when_the_exchange_ends() -> None:
    layout = Layout(dispensers=1, rtu_share=0, baudrate=9600, gateway_timeout_seconds=0.2, traits=Traits(idle_ms=200))
    async with Campus.start(layout) as campus, client_of(campus.gateways[0].gateway) as client:
        for pause, code in ((0, 0), (0.1, 0x0B), (0.25, 0)):
            await asyncio.sleep(pause)
            assert (await client.read_input_registers(0, count=48, device_id=1)).exception_code == code


async def test_traits_change_while_the_device_runs() -> None:
    async with Campus.start(one()) as campus:
        (dispenser,) = campus.dispensers.values()
        dispenser.unit.traits = Traits(cap=10)
        assert (await ask(dispenser, 0, 11)).exception_code == 3
        dispenser.unit.traits = Traits()
        assert len((await ask(dispenser, 0, 11)).registers) == 11


async def test_more_registers_than_any_answer_can_hold_are_refused() -> None:
    async with Campus.start(one()) as campus, client_of(campus.gateways[0].gateway) as client:
        refusal = await client.read_input_registers(0, count=125, device_id=1)
        assert refusal.exception_code == 2
