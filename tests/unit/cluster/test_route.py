"""Which server our own requests go to."""

import asyncio

import pytest

from exporters.cluster.endpoint import Endpoint
from exporters.cluster.route import Route

ADDRESS = Endpoint("https://api:6443", "address")
ONE, TWO, THREE = (Endpoint(f"https://master-{number}:6443", "replica") for number in (1, 2, 3))


def route(*up: Endpoint, name: str = "") -> Route:
    made = Route(ADDRESS.url, name)
    for endpoint in (ADDRESS, ONE, TWO, THREE):
        made.note(endpoint, up=endpoint in up)
    return made


def test_the_address_is_asked_until_a_replica_is_known_to_be_up() -> None:
    assert Route(ADDRESS.url).pick() == ADDRESS.url
    assert route(ADDRESS).pick() == ADDRESS.url
    assert route(ADDRESS, TWO).pick() == TWO.url


def test_a_replica_that_goes_down_is_replaced_and_one_that_is_forgotten_too() -> None:
    made = route(ONE, TWO)
    first = made.pick()
    made.note(next(one for one in (ONE, TWO) if one.url == first), up=False)
    second = made.pick()
    assert {first, second} == {ONE.url, TWO.url}
    made.forget(next(one for one in (ONE, TWO) if one.url == second))
    assert made.pick() == ADDRESS.url


def test_exporters_of_different_names_spread_over_the_replicas() -> None:
    picks = {route(ONE, TWO, THREE, name=f"exporter-{number}").pick() for number in range(30)}
    assert picks == {ONE.url, TWO.url, THREE.url}


def test_what_is_written_through_one_is_read_through_the_next_of_the_ring() -> None:
    everyone = route(ADDRESS, ONE, TWO, THREE)
    assert [everyone.next_replica(one.url) for one in (ONE, TWO, THREE)] == [TWO.url, THREE.url, ONE.url]
    assert everyone.next_replica(ADDRESS.url) in {ONE.url, TWO.url, THREE.url}
    assert route(ONE, THREE).next_replica(ONE.url) == THREE.url
    assert route(ONE).next_replica(ONE.url) == ONE.url
    assert route(ADDRESS).next_replica(ADDRESS.url) is None


async def test_a_request_ends_when_its_server_is_found_down_and_no_other_does() -> None:
    made = route(ONE, TWO)
    kept = asyncio.Event()

    async def ask(url: str) -> None:
        async with made.while_up(url):
            await kept.wait()

    lost, going_on = asyncio.create_task(ask(ONE.url)), asyncio.create_task(ask(TWO.url))
    await asyncio.sleep(0)
    made.note(ONE, up=True)
    made.note(ONE, up=False)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lost, 5)
    kept.set()
    await going_on
