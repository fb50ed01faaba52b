"""The benchmark's client against real servers: kept connections, and whatever can go wrong with one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from bench.load import drive
from bench.scrape import Scraper
from tapwatch.errors import TapwatchError

UP = "dispenser_up 1.0\n"


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[URL]:
    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    async with TestServer(application) as server:
        yield server.make_url("/")


@asynccontextmanager
async def saying(said: bytes) -> AsyncIterator[URL]:
    """A server that says just this to whoever asks, and then closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()


async def test_scrapes_share_kept_connections_and_look_like_prometheus() -> None:
    clients, requests = set(), []

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        clients.add(request.transport.get_extra_info("peername"))
        requests.append(request)
        found = web.Response(text=UP * 100)
        found.enable_compression()
        return found

    async with serving(answer) as url, Scraper(url, timeout=7) as scraper:
        for number in range(5):
            scrape = await scraper.get(f"/probe?target={number}")
            assert scrape.answer.body.decode() == UP * 100
            assert scrape.answer.wire_bytes < 1000, "gzip"
        assert len(clients) == 1
        await asyncio.gather(*(scraper.get("/probe") for _ in range(3)))
        assert len(clients) <= 3
    assert [request.query.get("target") for request in requests[:5]] == list("01234")
    headers = requests[0].headers
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "7"
    assert headers["Accept"].startswith("application/openmetrics-text;version=1.0.0")


async def test_gzip_is_asked_for_unless_told_otherwise() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("Accept-Encoding", "none"))

    async with serving(answer) as url, Scraper(url) as scraper, Scraper(url, gzip=False) as plain:
        assert (await scraper.get("/")).answer.body == b"gzip"
        assert (await plain.get("/")).answer.body == b"none"


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup") as url, Scraper(url) as scraper:
        for _ in range(3):
            assert (await scraper.get("/")).answer.body == b"up"
            await asyncio.sleep(0.05)


async def test_silence_ends_with_the_timeout() -> None:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(answer) as url, Scraper(url, timeout=0.2) as scraper:
        started = time.monotonic()
        with pytest.raises(TapwatchError, match=r"no answer in 0\.2 s"):
            await scraper.get("/")
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"", "the exporter closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nup", "the exporter closed the connection"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "neither a length nor chunks"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "not HTTP as expected"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP as expected"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "neither a length nor chunks"),
    ],
)
async def test_what_is_no_answer_is_told(said: bytes, message: str) -> None:
    async with saying(said) as url, Scraper(url) as scraper:
        with pytest.raises(TapwatchError, match=message):
            await scraper.get("/")


async def test_nobody_at_the_address_is_told() -> None:
    async with Scraper(URL("http://127.0.0.1:1")) as scraper:
        with pytest.raises(TapwatchError, match=r"127\.0\.0\.1:1 takes no connection"):
            await scraper.get("/")


async def test_load_asks_for_every_path_in_every_round_whatever_becomes_of_it() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/broken":
            return web.Response(status=500)
        if request.path == "/silent":
            await asyncio.sleep(30)
        return web.Response(text=UP)

    paths = ["/a", "/b", "/broken", "/silent"]
    async with serving(answer) as url, Scraper(url, timeout=0.5) as scraper:
        started = time.monotonic()
        tally = await drive(scraper, paths, interval=0.4, rounds=3)
        assert time.monotonic() - started >= 1.2
    assert sorted(asked) == sorted(3 * paths)
    assert asked[:4] == asked[4:8] == asked[8:], "the same order in each round"
    assert (tally.devices, tally.missed) == (6, 6)
