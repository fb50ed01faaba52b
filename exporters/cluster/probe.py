"""One round of requests to one API server, over connections of its own, as a new user would have."""

import asyncio
import http
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import hdrs
from yarl import URL

from exporters.cluster.access import Access
from exporters.cluster.clock import Offset, read_offset
from exporters.cluster.connection import Stages, look
from exporters.cluster.failure import CAUGHT, poll_error
from exporters.cluster.health import LIVE, READY, Health, Probe, judge_status, parse_checks
from exporters.cluster.settings import Timing
from exporters.cluster.thread import Resolver
from tapwatch import __version__
from tapwatch.errors import PollError, PollReason

LARGEST_ANSWER_BYTES = 65536
"""A real answer has 3 KB; what is larger does not come from an API server."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    clock: Offset | None


class Prober:
    """Asks API servers. It never raises for what they do: the answer says what went wrong."""

    def __init__(self, session: aiohttp.ClientSession, timing: Timing, now: Callable[[], float]) -> None:
        self._session = session
        self._timing = timing
        self._now = now

    async def probe(self, url: str, access: Access | PollError, *, with_version: bool) -> Probe:
        """Ask for all health paths at once, so that a slow one does not hide the other, and look at the way there.

        Without access the endpoint is not asked, and fails with what kept us from it.
        """
        if isinstance(access, PollError):
            return Probe(tuple(Health(path, 0.0, {}, access) for path in (LIVE, READY)), self._now())
        (live, *clocks), (ready, *more), version, stages = await asyncio.gather(
            self._ask_health(url, LIVE, access),
            self._ask_health(url, READY, access),
            self._ask_version(url, access) if with_version else asyncio.sleep(0),
            self._look(url, access),
        )
        return Probe((live, ready), self._now(), version, stages, tuple(filter(None, (*clocks, *more))))

    async def _look(self, url: str, access: Access) -> Stages:
        """Nothing through a proxy: the way that could be seen is the way to the proxy."""
        return Stages() if access.proxy else await look(url, access.server_name, self._timing.connect_timeout)

    async def _ask_health(self, url: str, path: str, access: Access) -> tuple[Health, Offset | None]:
        started = time.perf_counter()
        try:
            answer = await self._get(f"{url}{path}?verbose", access)
        except PollError as error:
            return Health(path, time.perf_counter() - started, {}, error), None
        seconds = time.perf_counter() - started
        checks = parse_checks(answer.body.decode(errors="replace"))
        return Health(path, seconds, checks, judge_status(path, answer.status, checks)), answer.clock

    async def _ask_version(self, url: str, access: Access) -> str | None:
        """None when it is not told: the health paths say why."""
        try:
            answer = await self._get(f"{url}/version", access)
            version = json.loads(answer.body)["gitVersion"] if answer.status == http.HTTPStatus.OK else None
        except (PollError, ValueError, LookupError, TypeError):
            return None
        return version if isinstance(version, str) else None

    async def _get(self, url: str, access: Access) -> _Answer:
        """Raises PollError."""
        options = access.request_options(url)
        try:
            sent = time.time()
            async with self._session.get(URL(url, encoded=True), middlewares=(self._once,), **options) as response:
                clock = read_offset(response.headers.get(hdrs.DATE), sent, time.time())
                return _Answer(response.status, await _read(response), clock)
        except CAUGHT as error:
            raise self._failure(error) from error

    async def _once(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Middleware: no second try after a connection broke, as aiohttp does in silence. Raises PollError."""
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> PollError:
        return poll_error(error, self._timing.connect_timeout, self._timing.timeout)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; raises PollError when it is larger than an API server's."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER_BYTES:
            raise PollError(PollReason.GARBLED, f"the answer is larger than {LARGEST_ANSWER_BYTES} bytes")
    return body


@asynccontextmanager
async def open_prober(timing: Timing, now: Callable[[], float] = time.time) -> AsyncIterator[Prober]:
    """A prober while the context lasts.

    Every request has a connection of its own. A kept one would hide that new ones fail, as with a certificate that
    has expired, and a load balancer would always lead it to the same replica.
    """
    timeout = aiohttp.ClientTimeout(
        total=timing.timeout, connect=timing.connect_timeout, ceil_threshold=float("inf")
    )  # the threshold: no rounding up to whole seconds
    connector = aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False, resolver=Resolver())
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={hdrs.USER_AGENT: f"tapwatch/{__version__}", hdrs.ACCEPT_ENCODING: "identity"},
    ) as session:
        yield Prober(session, timing, now)
