"""Simulated gateways that speak Modbus TCP within TLS."""

import asyncio
import ssl
from pathlib import Path

import pytest

from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.layout import Layout
from tapwatch.errors import TapwatchError
from tests.integration.simulator.wire import tcp_question, wire_to

ONE = Layout(dispensers=1, rtu_share=0, tls_share=1)


def trusting(campus: Campus, folder: Path) -> ssl.SSLContext:
    assert campus.authority is not None
    campus.authority.write(folder / "ca.pem")
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


async def test_a_client_that_trusts_the_authority_reads(tmp_path: Path) -> None:
    async with Campus.start(ONE) as campus:
        gateway = campus.gateways[0].gateway
        assert str(gateway).startswith("tls://127.0.0.1:")
        async with wire_to(gateway, trusting(campus, tmp_path)) as wire:
            for number in range(3):
                wire.writer.write(tcp_question(number, 1))
                assert (await wire.answer())[2][:4] == bytes.fromhex("04 60 5744")
        assert campus.gateways[0].traffic.requests == 3


async def test_a_client_that_does_not_is_refused_by_itself() -> None:
    async with Campus.start(ONE) as campus:
        gateway = campus.gateways[0].gateway
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(gateway.host, gateway.port, ssl=ssl.create_default_context())
        assert campus.gateways[0].traffic.connections == 0


async def test_connections_are_dropped_by_a_restart_and_made_again(tmp_path: Path) -> None:
    async with Campus.start(Layout(dispensers=1, rtu_share=0, tls_share=1, restart_seconds=0.1)) as campus:
        gateway, context = campus.gateways[0].gateway, trusting(campus, tmp_path)
        async with wire_to(gateway, context) as wire:
            await campus.inject("lib-1f-east", Fault.RESTART)
            assert await asyncio.wait_for(wire.reader.read(), 5) == b""
        await asyncio.sleep(0.3)
        async with wire_to(gateway, context) as wire:
            wire.writer.write(tcp_question(1, 1))
            assert (await wire.answer())[0] == 1


async def test_kinds_of_gateways_are_spread_evenly(tmp_path: Path) -> None:
    layout = Layout(dispensers=20, units_per_gateway=1, rtu_share=0.25, tls_share=0.25, serial_lines=4)
    async with Campus.start(layout) as campus:
        campus.write_inventory(tmp_path / "dispensers.yaml")
        found = load_inventory([tmp_path / "dispensers.yaml"], ["default"]).dispensers
        kinds = [one.address.gateway.transport for one in found]
        assert {kind: kinds.count(kind) for kind in kinds} == {"tcp": 8, "rtu+tcp": 4, "tls": 4, "serial": 4}
        assert kinds[:16] == [*kinds[:8], *kinds[:8]]


async def test_an_authority_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async with Campus.start(ONE) as campus:
        assert campus.authority is not None
        with pytest.raises(TapwatchError, match=r"nowhere/ca\.pem cannot be written: No such file"):
            campus.authority.write(tmp_path / "nowhere" / "ca.pem")
