"""Which pages there are is asked of the servers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiohttp import web

from demo.links import find_server_pages
from demo.ports import USUAL, Ports
from tapwatch.web import free_port

DEBIAN_ALERTMANAGER = "<!DOCTYPE html><title>Alertmanager</title><p>The package does not include a web application."
UPSTREAM_ALERTMANAGER = '<!DOCTYPE html><title>Alertmanager</title><script src="script.js"></script>'


@asynccontextmanager
async def server(pages: Mapping[str, str]) -> AsyncIterator[int]:
    """A server with these pages alone; yields its port."""
    application = web.Application()
    for path, text in pages.items():
        application.router.add_get(path, partial(_page, text))
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _page(text: str, _request: web.Request) -> web.Response:
    return web.Response(text=text, content_type="text/html")


@pytest.mark.parametrize(
    ("prometheus", "alertmanager", "expected"),
    [
        ({"/classic/alerts": "", "/": ""}, {"/": DEBIAN_ALERTMANAGER}, ("/classic/alerts", None)),
        ({"/alerts": "", "/classic/alerts": ""}, {"/": UPSTREAM_ALERTMANAGER}, ("/alerts", "/#/alerts")),
        ({"/": ""}, {}, ("/", None)),
    ],
    ids=["debian", "upstream", "neither"],
)
async def test_the_pages_are_those_that_the_running_servers_have(
    prometheus: Mapping[str, str], alertmanager: Mapping[str, str], expected: tuple[str, str | None]
) -> None:
    async with server(prometheus) as one, server(alertmanager) as other:
        ports = Ports({**USUAL, "prometheus": one, "alertmanager": other})
        pages = await find_server_pages(ports)
    assert pages.prometheus == f"http://127.0.0.1:{one}{expected[0]}"
    assert pages.alertmanager == (expected[1] and f"http://127.0.0.1:{other}{expected[1]}")


async def test_servers_that_do_not_answer_have_no_pages() -> None:
    ports = Ports({**USUAL, "prometheus": free_port(), "alertmanager": free_port()})
    pages = await find_server_pages(ports)
    assert pages.prometheus == ports.url("prometheus", "/")
    assert pages.alertmanager is None
