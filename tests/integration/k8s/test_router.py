"""The router: a gateway's units at one exporter, and no scrape lost when replicas come and go."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.k8s.routed import Routed, routed, until

ONE, OTHER, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"

pytestmark = pytest.mark.timeout(300)


async def test_all_units_of_a_gateway_are_read_by_one_replica_and_each_has_some(tmp_path: Path) -> None:
    async with routed(tmp_path, [ONE, OTHER]) as stack:
        placed = await stack.placement()
        assert {len(replicas) for replicas in placed.values()} == {1}
        assert frozenset().union(*placed.values()) == {ONE, OTHER}
        await _asked_as_a_whole_it_is_the_same_replica(stack, placed)


async def _asked_as_a_whole_it_is_the_same_replica(stack: Routed, placed: dict[str, frozenset[str]]) -> None:
    gateways = {str(one.gateway.gateway): len(one.gateway.units) for one in stack.campus.dispensers.values()}
    for gateway, units in gateways.items():
        before = await stack.probes()
        status, _ = await stack.get(f"{stack.routers[0].url}/gateway", target=gateway)
        after = await stack.probes()
        assert status == 200
        assert {name: after[name] - before[name] for name in placed[gateway]} == dict.fromkeys(placed[gateway], units)


async def test_a_killed_replica_costs_no_scrape_and_gets_its_gateways_back(tmp_path: Path) -> None:
    async with routed(tmp_path, [ONE, OTHER]) as stack:
        at_first = await stack.placement()
        async with asyncio.TaskGroup() as group:
            scraping = group.create_task(_scrape_until(stack, stop := asyncio.Event()))
            stack.replicas[ONE].daemon.kill()
            await until(lambda: _sends_to(stack, 1))
            stop.set()
        assert await scraping == []
        assert set((await stack.placement()).values()) == {frozenset({OTHER})}
        stack.replicas[ONE].daemon.start()
        await until(lambda: _sends_to(stack, 2))
        assert await stack.placement() == at_first
        assert await stack.probe_all() == []


async def test_a_replica_that_drains_costs_no_scrape(tmp_path: Path) -> None:
    """As in a rolling update: it leaves DNS, serves on for a while, then ends."""
    async with routed(tmp_path, [ONE, OTHER]) as stack, asyncio.TaskGroup() as group:
        scraping = group.create_task(_scrape_until(stack, stop := asyncio.Event()))
        stack.names.addresses.remove(ONE)
        await until(lambda: _sends_to(stack, 1))
        await asyncio.to_thread(stack.replicas[ONE].daemon.stop)
        stop.set()
        assert await scraping == []


async def test_a_replica_that_hangs_costs_its_gateways_seconds_only(tmp_path: Path) -> None:
    async with routed(tmp_path, [ONE, OTHER]) as stack:
        stack.replicas[ONE].daemon.pause()
        await until(lambda: _sends_to(stack, 1))
        assert await stack.probe_all() == []


async def test_of_a_third_replica_only_some_gateways_move_and_only_to_it(tmp_path: Path) -> None:
    async with routed(tmp_path, [ONE, OTHER, THIRD]) as stack:
        stack.names.addresses.remove(THIRD)
        await until(lambda: _sends_to(stack, 2))
        before = await stack.placement()
        stack.names.addresses.append(THIRD)
        await until(lambda: _sends_to(stack, 3))
        after = await stack.placement()
        moved = {gateway for gateway, replicas in after.items() if replicas != before[gateway]}
        assert moved
        assert {after[gateway] for gateway in moved} == {frozenset({THIRD})}


async def test_two_routers_that_start_agree_whatever_order_the_names_come_in(tmp_path: Path) -> None:
    async with routed(tmp_path, [ONE, OTHER], routers=2) as stack:
        assert await stack.placement(0) == await stack.placement(1)


async def test_the_router_is_ready_while_an_exporter_answers(tmp_path: Path) -> None:
    async with routed(tmp_path, [ONE]) as stack:
        own = stack.routers[0].own_url
        assert await stack.get(f"{own}/-/ready") == (200, "ready\n")
        stack.replicas[ONE].daemon.kill()
        await until(lambda: _sends_to(stack, 0))
        assert await stack.get(f"{own}/-/ready") == (503, "no dispenser exporter answers\n")
        assert (await stack.get(f"{own}/-/healthy"))[0] == 200
        assert (await stack.get(f"{stack.routers[0].url}/metrics"))[0] == 404


async def _scrape_until(stack: Routed, stop: asyncio.Event) -> list[str]:
    """Every dispenser that a round of scrapes did not read; a last round begins after the stop."""
    failed: list[str] = []
    while not stop.is_set():
        failed += await stack.probe_all()
    return failed + await stack.probe_all()


async def _sends_to(stack: Routed, count: int) -> bool:
    return len(await stack.servers_up()) == count
