"""A store kept in step with an API that breaks off, forgets, lies and floods, over real sockets."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs
from yarl import URL

from exporters.cluster.access import Access
from exporters.cluster.api import LARGEST_LINE_BYTES, open_api
from exporters.cluster.endpoint import Endpoint
from exporters.cluster.objects.resource import Metadata, Resource, Wire
from exporters.cluster.objects.store import Store
from exporters.cluster.reflector import Reflector
from exporters.cluster.route import Route
from exporters.cluster.settings import Timing
from tests.integration.cluster.misbehaving import Server, server_context, serving

AUTHORITY = trustme.CA()
TIMING = Timing.model_construct(connect_timeout=1.0, timeout=2.0)


class Thing(Wire, frozen=True):
    """An object with one thing to know."""

    metadata: Metadata
    value: int = 0


class Things(Store[Thing, int]):
    """Values by name."""

    def read(self, one: Thing, before: int | None) -> int:  # noqa: ARG002 - of any store
        return one.value

    @property
    def known(self) -> dict[str, int]:
        """What there is."""
        return {name: row for (_, name), row in self.rows()}


THINGS = Resource("example.com", "things", Thing)


def thing(name: str, value: int, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version), "managedFields": [1]}, "value": value}


def page(version: int, *items: dict[str, Any], more: str = "") -> bytes:
    metadata = {"resourceVersion": str(version), "continue": more}
    return answer(json.dumps({"kind": "ThingList", "metadata": metadata, "items": list(items)}).encode())


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def events(*told: tuple[str, dict[str, Any]], then: bytes = b"0\r\n\r\n") -> bytes:
    """A watch's answer, in chunks, ended as `then` says."""
    lines = [json.dumps({"type": kind, "object": one}).encode() + b"\n" for kind, one in told]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + then


BROKEN_OFF = b"ffff\r\n{"
GONE = {"kind": "Status", "code": 410, "message": "too old resource version"}


@dataclass
class Script:
    """Answers in turn; the last one for ever."""

    answers: list[bytes | None]
    asked: list[URL] = field(default_factory=list)

    def __call__(self, request: str) -> bytes | None:
        self.asked.append(URL(request.split()[1]))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def queries(self) -> list[dict[str, str]]:
        """What was asked for, without what is always the same."""
        always = {"limit", "allowWatchBookmarks", "timeoutSeconds"}
        return [{key: value for key, value in url.query.items() if key not in always} for url in self.asked]


@dataclass
class Running:
    """A reflector at work."""

    store: Things
    reflector: Reflector[Thing]
    script: Script
    server: Server
    route: Route

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, (self.store.known, self.script.queries, self.reflector.status)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def reflecting(*answers: bytes | None) -> AsyncIterator[Running]:
    """A reflector of a server that gives these answers."""
    tls = ssl.create_default_context()
    AUTHORITY.configure_trust(tls)
    script, store = Script(list(answers)), Things()
    with serving(script, server_context(AUTHORITY)) as server:
        route = Route(server.url)
        async with open_api(TIMING, lambda: Access(tls), route) as api:
            reflector = Reflector(api, THINGS, store, time.monotonic)

            async def work() -> None:
                while True:
                    await reflector.step()

            task = asyncio.create_task(work())
            try:
                yield Running(store, reflector, script, server, route)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def test_pages_are_put_together_and_watched_from_their_version() -> None:
    pages = page(7, thing("a", 1, 3), more="next"), page(7, thing("b", 2, 4))
    changes = events(("ADDED", thing("c", 3, 8)), ("MODIFIED", thing("a", 9, 9)), ("DELETED", thing("b", 2, 10)))
    async with reflecting(*pages, changes, None) as running:
        await running.until(lambda: running.store.known == {"a": 9, "c": 3})
        await running.until(lambda: len(running.script.asked) == 4)
    assert running.script.queries == [
        {},
        {"continue": "next"},
        {"watch": "1", "resourceVersion": "7"},
        {"watch": "1", "resourceVersion": "10"},
    ]
    assert running.script.asked[0].path == "/apis/example.com/v1/things"
    assert (running.reflector.status.lists, running.reflector.status.events) == (1, 3)


async def test_a_watch_that_breaks_off_goes_on_where_the_last_bookmark_was() -> None:
    bookmark = {"kind": "Thing", "metadata": {"resourceVersion": "50"}}
    first = events(("ADDED", thing("a", 1, 8)), ("BOOKMARK", bookmark), then=BROKEN_OFF)
    async with reflecting(page(7), first, events(("ADDED", thing("b", 2, 51))), None) as running:
        await running.until(lambda: running.store.known == {"a": 1, "b": 2})
    assert running.script.queries[2] == {"watch": "1", "resourceVersion": "50"}
    assert running.reflector.status.lists == 1


@pytest.mark.parametrize("gone", [answer(b"{}", "410 Gone"), events(("ERROR", GONE))], ids=["status", "event"])
async def test_a_version_that_is_too_old_makes_it_list_again_and_lose_nothing(gone: bytes) -> None:
    again = page(90, thing("b", 2, 80))
    with capture_logs() as told:
        async with reflecting(page(7, thing("a", 1, 3)), gone, again, None) as running:
            await running.until(lambda: running.store.known == {"b": 2})
    assert running.reflector.status.lists == 2
    assert [line["event"] for line in told] == ["watch.expired"]  # which is usual, and no failure


async def test_a_list_that_breaks_off_between_pages_is_begun_again() -> None:
    first, whole = page(7, thing("a", 1, 3), more="next"), page(9, thing("b", 2, 4))
    async with reflecting(first, answer(b"{}", "410 Gone"), whole, None) as running:
        await running.until(lambda: running.store.known == {"b": 2})
    assert running.script.queries[:3] == [{}, {"continue": "next"}, {}]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (answer(b"{}", "403 Forbidden"), "forbidden"),
        (answer(b"{}", "401 Unauthorized"), "unauthorized"),
        (answer(b"{}", "404 Not Found"), "missing"),
        (answer(b"{}", "429 Too Many Requests"), "unhealthy"),
        (answer(b'{"metadata": {}, "items": [{"value": "many"}]}'), "garbled"),
        (answer(b"<html>"), "garbled"),
        (answer(b"[" * 100_000), "garbled"),
        (b"", "disconnect"),
        (None, "timeout"),
    ],
)
async def test_a_list_that_fails_says_why_and_is_tried_again(bad: bytes | None, reason: str) -> None:
    async with reflecting(bad) as running:
        await running.until(lambda: running.reflector.status.failure is not None)
        failure = running.reflector.status.failure
        assert failure is not None
        assert failure.reason == reason
        running.script.answers[:] = [page(7, thing("a", 1, 3)), events()]
        await running.until(lambda: running.store.known == {"a": 1})
        await running.until(lambda: running.reflector.status.failure is None)
        assert running.reflector.status.failing_since is None


@pytest.mark.parametrize("line", [b"not JSON\n", b'{"type": 1}\n', b"x" * (LARGEST_LINE_BYTES + 1)])
async def test_an_event_that_nobody_can_read_ends_the_watch_and_not_the_reflector(line: bytes) -> None:
    bad = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(line), line)
    async with reflecting(page(7, thing("a", 1, 3)), bad, events(("ADDED", thing("b", 2, 8))), None) as running:
        await running.until(lambda: running.store.known == {"a": 1, "b": 2})
    assert running.reflector.status.lists == 1


async def test_a_silent_watch_is_left_as_soon_as_its_server_is_found_down() -> None:
    async with reflecting(page(7), None) as running:
        await running.until(lambda: len(running.script.asked) == 2)
        # Its head was not even sent, as by a server that hangs: only a probe can tell.
        running.route.note(Endpoint(running.server.url, "replica"), up=False)
        await running.until(lambda: len(running.script.asked) == 3)
