"""One round of requests to one API server, over connections of its own, as a new user would have."""

import asyncio
import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import hdrs
from yarl import URL

from exporters.cluster.access import Access
from exporters.cluster.health import LIVE, READY, Health, Probe, judge_status, parse_checks
from exporters.cluster.settings import Timing
from exporters.cluster.thread import Resolver
from tapwatch import __version__
from tapwatch.errors import PollError, PollReason

LARGEST_ANSWER_BYTES = 65536
"""A real answer has 3 KB; what is larger does not come from an API server."""

FAILURES: tuple[tuple[type[Exception], PollReason], ...] = (
    (aiohttp.ClientConnectorDNSError, PollReason.RESOLVE),
    (aiohttp.ClientSSLError, PollReason.TLS),
    (ssl.SSLError, PollReason.TLS),  # a server may refuse our certificate after the handshake
    (TimeoutError, PollReason.TIMEOUT),
    (aiohttp.ClientConnectorError, PollReason.CONNECT),
    (aiohttp.ClientConnectionError, PollReason.DISCONNECT),
    (aiohttp.ClientPayloadError, PollReason.DISCONNECT),
    (aiohttp.ClientError, PollReason.GARBLED),
    (OSError, PollReason.DISCONNECT),
)
"""What each exception of the HTTP client means; the first that fits counts."""


class Prober:
    """Asks API servers. It never raises for what they do: the answer says what went wrong."""

    def __init__(self, session: aiohttp.ClientSession, timing: Timing, now: Callable[[], float]) -> None:
        self._session = session
        self._timing = timing
        self._now = now

    async def probe(self, url: str, access: Access | PollError, *, with_version: bool) -> Probe:
        """Ask for all health paths at once, so that a slow one does not hide the other.

        Without access the endpoint is not asked, and fails with what kept us from it.
        """
        if isinstance(access, PollError):
            return Probe(tuple(Health(path, 0.0, {}, access) for path in (LIVE, READY)), self._now())
        live, ready, version = await asyncio.gather(
            self._ask_health(url, LIVE, access),
            self._ask_health(url, READY, access),
            self._ask_version(url, access) if with_version else asyncio.sleep(0),
        )
        return Probe((live, ready), self._now(), version)

    async def _ask_health(self, url: str, path: str, access: Access) -> Health:
        started = time.perf_counter()
        try:
            status, body = await self._get(f"{url}{path}?verbose", access)
        except PollError as error:
            return Health(path, time.perf_counter() - started, {}, error)
        checks = parse_checks(body.decode(errors="replace"))
        return Health(path, time.perf_counter() - started, checks, judge_status(path, status, checks))

    async def _ask_version(self, url: str, access: Access) -> str | None:
        """None when it is not told: the health paths say why."""
        try:
            status, body = await self._get(f"{url}/version", access)
            version = json.loads(body)["gitVersion"] if status == 200 else None  # noqa: PLR2004 - HTTP's own number
        except (PollError, ValueError, LookupError, TypeError):
            return None
        return version if isinstance(version, str) else None

    async def _get(self, url: str, access: Access) -> tuple[int, bytes]:
        """Status and body; raises PollError."""
        headers = {}
        if access.authorization is not None and url.startswith("https:"):  # no secret over plain HTTP
            headers[hdrs.AUTHORIZATION] = access.authorization.get_secret_value()
        try:
            async with self._session.get(
                URL(url, encoded=True),
                ssl=access.tls,
                server_hostname=access.server_name,
                headers=headers,
                allow_redirects=False,
                middlewares=(self._once,),
            ) as response:
                return response.status, await _read(response)
        except tuple(kind for kind, _ in FAILURES) as error:
            raise self._failure(error) from error

    async def _once(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Middleware: no second try after a connection broke, as aiohttp does in silence. Raises PollError."""
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> PollError:
        return PollError(reason_of(error), _explain(error, self._timing))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; raises PollError when it is larger than an API server's."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER_BYTES:
            raise PollError(PollReason.GARBLED, f"the answer is larger than {LARGEST_ANSWER_BYTES} bytes")
    return body


def reason_of(error: Exception) -> PollReason:
    """The reason for an exception of the HTTP client, told from what lies behind it where that says more."""
    match error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__:
        case ssl.SSLError():
            return PollReason.TLS
        case ConnectionResetError():  # accepted and closed again, as a load balancer does that has no server left
            return PollReason.DISCONNECT
    return next(reason for kind, reason in FAILURES if isinstance(error, kind))


def _explain(error: Exception, timing: Timing) -> str:
    """In words for people; aiohttp's own show its objects."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {timing.connect_timeout:g} s"
        case TimeoutError():
            return f"no answer within {timing.timeout:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return str(error.certificate_error)
        case aiohttp.ClientConnectorDNSError() | aiohttp.ClientSSLError():
            return error.os_error.strerror or str(error.os_error)
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            return os.strerror(number) if number else "the connection was closed during the TLS handshake"
        case _:
            return str(error) or type(error).__name__


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
