"""Requests to a cluster's API over kept connections; of each answer only what the caller names is decoded."""

import asyncio
import http
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import hdrs
from yarl import URL

from exporters.cluster.access import Access
from exporters.cluster.failure import CAUGHT, StatusError, poll_error
from exporters.cluster.route import Route
from exporters.cluster.settings import Timing
from exporters.cluster.thread import Resolver
from tapwatch import __version__
from tapwatch.errors import PollError, PollReason

LARGEST_ANSWER_BYTES = 64 * 1024**2
"""A page of 500 objects of the largest usual size; etcd takes objects of up to 1.5 MB."""
LARGEST_LINE_BYTES = 4 * 1024**2
"""An event of a watch: one object, and its wrapping."""

_LARGEST_STATUS_BYTES = 4096
_GATHER_SECONDS = 0.2
_PLENTY_BYTES = 65536
_LONGEST_SECONDS = 60.0
"""As long as an API server works on a request."""

Answer = TypeVar("Answer")


class Api:
    """One cluster's API."""

    def __init__(
        self, session: aiohttp.ClientSession, timing: Timing, access: Callable[[], Access], route: Route
    ) -> None:
        """`access` raises PollError while there is none."""
        self._session = session
        self._timing = timing
        self._access = access
        self.route = route

    async def get(
        self, path: str, kind: type[Answer], query: Mapping[str, str] | None = None, *, url: str | None = None
    ) -> Answer:
        """The object at `path`; from the server at `url`, else from one that is up. Raises PollError."""
        return await self._ask("GET", path, kind, url=url, query=query)

    async def post(self, path: str, body: object, kind: type[Answer]) -> Answer:
        """What the server makes of `body`. Raises PollError."""
        return await self._ask("POST", path, kind, body=body, content_type="application/json")

    async def apply(self, path: str, body: object, kind: type[Answer], *, url: str) -> Answer:
        """Create the object at `path`, or change it to hold what `body` does (server-side apply). Raises PollError."""
        query = {"fieldManager": "tapwatch", "force": "true"}
        content_type = "application/apply-patch+yaml"  # JSON is YAML
        return await self._ask("PATCH", path, kind, url=url, query=query, body=body, content_type=content_type)

    @asynccontextmanager
    async def lines(
        self, path: str, query: Mapping[str, str], *, url: str, seconds: float, idle_seconds: float | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an answer as they come, for `seconds` at most, and while no probe finds the server down.

        Raises PollError, inside the block too.
        """
        timeout = aiohttp.ClientTimeout(
            total=seconds, connect=self._timing.connect_timeout, sock_read=idle_seconds, ceil_threshold=float("inf")
        )
        try:
            async with (
                self.route.while_up(url),
                self._session.get(
                    URL(f"{url}{path}").with_query(query),
                    timeout=timeout,
                    read_bufsize=1,  # so that nothing is read from the socket while we gather
                    **self._access().request_options(url),
                ) as response,
            ):
                await _raise_for_status(response, path)
                async with aclosing(split_lines(_gathered(response.content))) as lines:
                    yield lines
        except CAUGHT as error:
            raise poll_error(error, self._timing.connect_timeout, idle_seconds or seconds) from error

    async def _ask(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        url: str | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str | None = None,
    ) -> Answer:
        server = url or self.route.pick()
        options = self._access().request_options(server)
        if content_type is not None:
            options["headers"][hdrs.CONTENT_TYPE] = content_type
            options["data"] = msgspec.json.encode(body)
        try:
            async with self._session.request(method, URL(f"{server}{path}").with_query(query), **options) as response:
                await _raise_for_status(response, path)
                return decode(await _read(response), kind, path)
        except CAUGHT as error:
            raise poll_error(error, self._timing.connect_timeout, self._timing.timeout) from error


def decode(content: bytes | msgspec.Raw, kind: type[Answer], path: str) -> Answer:
    """JSON as `kind`; raises PollError when it is something else."""
    try:
        return msgspec.json.decode(content, type=kind, strict=False)  # 64-bit numbers may be strings
    except msgspec.DecodeError as error:  # ValidationError is one; neither repeats the content
        raise PollError(PollReason.GARBLED, f"{path} answered something else: {error}") from error


async def _gathered(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """What comes, in pieces of some time rather than one by one: each wake costs more than the event that it is for."""
    async for chunk in content.iter_any():
        yield chunk
        if len(chunk) < _PLENTY_BYTES:
            await asyncio.sleep(_GATHER_SECONDS)


async def split_lines(chunks: AsyncIterator[bytes], largest: int = LARGEST_LINE_BYTES) -> AsyncGenerator[bytes, None]:
    """The lines in a stream, without their ends and empty ones; raises PollError when one is over `largest` bytes.

    What follows the last end is dropped: the server broke off.
    """
    kept = bytearray()
    async for chunk in chunks:
        kept += chunk
        *lines, kept = kept.split(b"\n") if b"\n" in chunk else (kept,)
        if len(kept) > largest or any(len(line) > largest for line in lines):
            raise PollError(PollReason.GARBLED, f"a line is larger than {largest} bytes")
        for line in lines:
            if line:
                yield bytes(line)


class _Status(msgspec.Struct, frozen=True):
    """What an API server answers in place of what was asked for."""

    message: str = ""


async def _raise_for_status(response: aiohttp.ClientResponse, path: str) -> None:
    if response.status >= http.HTTPStatus.MULTIPLE_CHOICES:
        try:
            told = msgspec.json.decode(await response.content.read(_LARGEST_STATUS_BYTES), type=_Status).message
        except msgspec.DecodeError:
            told = ""
        raise StatusError(response.status, f"{path} answered {response.status}{told and f': {told}'}")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; raises PollError when it is larger than any that we ask for."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER_BYTES:
            raise PollError(PollReason.GARBLED, f"the answer is larger than {LARGEST_ANSWER_BYTES} bytes")
    return bytes(body)


@asynccontextmanager
async def open_api(timing: Timing, access: Callable[[], Access], route: Route) -> AsyncIterator[Api]:
    """A cluster's API while the context lasts; a server may pause in an answer as long as a probe may take."""
    timeout = aiohttp.ClientTimeout(
        total=_LONGEST_SECONDS,
        connect=timing.connect_timeout,
        sock_read=timing.timeout,
        ceil_threshold=float("inf"),
    )
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, resolver=Resolver()),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            hdrs.USER_AGENT: f"tapwatch/{__version__}",
            hdrs.ACCEPT: "application/json",
            hdrs.ACCEPT_ENCODING: "identity",  # packing large lists costs the API server more than sending them
        },
    ) as session:
        yield Api(session, timing, access, route)
