"""Scrapes as Prometheus makes them, from a client that takes little time of its own.

aiohttp's client takes as much time as the exporter that it asks; beside 10,000 devices on two cores that would be
measured, too.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Self

from yarl import URL

from bench.answer import Answer, cut_answer
from tapwatch.errors import TapwatchError

TIMEOUT_SECONDS = 10.0
"""Prometheus' own default."""

_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""What Prometheus 3 sends."""


@dataclass(frozen=True)
class Scrape:
    """One answer and how long it took."""

    answer: Answer
    seconds: float


class Scraper:
    """Kept connections to one server, as many as scrapes overlap; each carries one scrape at a time."""

    def __init__(self, url: URL, *, gzip: bool = True, timeout: float = TIMEOUT_SECONDS) -> None:
        """`timeout` seconds are told to the server, and kept."""
        self._host, self._port, self._timeout = str(url.host), int(url.port or 80), timeout
        encoding = "Accept-Encoding: gzip\r\n" if gzip else ""
        self._headers = (
            f" HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nUser-Agent: Prometheus/3\r\nAccept: {_ACCEPT}\r\n"
            f"{encoding}X-Prometheus-Scrape-Timeout-Seconds: {timeout:g}\r\n\r\n"
        )
        self._idle: list[_Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()

    async def get(self, path: str) -> Scrape:
        """Raises TapwatchError when the answer is not there in time."""
        started = time.perf_counter()
        connection = await self._connection()
        answer = await connection.ask(f"GET {path}{self._headers}".encode(), self._timeout)
        self._idle.append(connection)
        return Scrape(answer, time.perf_counter() - started)

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        try:
            _, connection = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
        except OSError as error:
            raise TapwatchError(f"{self._host}:{self._port} takes no connection: {error.strerror}") from error
        return connection


class _Connection(asyncio.Protocol):
    """One question at a time; anything wrong ends it."""

    closed = False

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport

    async def ask(self, request: bytes, timeout: float) -> Answer:  # noqa: ASYNC109 - a timer is lighter than a scope
        """Raises TapwatchError when the answer is not there within `timeout` seconds."""
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        timer = loop.call_later(timeout, self._fail, f"no answer in {timeout:g} s")
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        self.closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP connection's always is
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Add what came; the answer is given when it is whole."""
        self._received += data
        try:
            answer = cut_answer(bytes(self._received))
        except (TapwatchError, ValueError) as error:
            self._fail(f"the answer is not HTTP as expected: {error}")
            return
        if answer is not None and self._answer is not None and not self._answer.done():
            self._received.clear()
            self._answer.set_result(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever waits is told."""
        self.closed = True
        self._fail("the exporter closed the connection")

    def _fail(self, message: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(TapwatchError(message))
