"""Which pages the servers really have: Debian's packages have other ones than the programs from upstream."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from demo.ports import Ports

_ALERTS: Sequence[str] = ("/alerts", "/classic/alerts")
"""Prometheus' page of alerts: upstream's, and the older one that Debian ships."""
_PATIENCE = aiohttp.ClientTimeout(5)


@dataclass(frozen=True)
class ServerPages:
    """Where people look at the servers."""

    prometheus: str
    """The URL of the page of alerts, or of whatever page there is."""
    alertmanager: str | None
    """The URL of the page of alerts; None when there is none, as in Debian."""


async def find_server_pages(ports: Ports) -> ServerPages:
    """Ask the running servers which pages they have."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        path = "/"
        for one in _ALERTS:
            if await _read(session, ports.url("prometheus", one)) is not None:
                path = one
                break
        front = await _read(session, ports.url("alertmanager", "/")) or ""
    # Debian's Alertmanager has a page that says that it has none; the real one is a program that the browser runs.
    has_page = "<script" in front
    return ServerPages(ports.url("prometheus", path), ports.url("alertmanager", "/#/alerts") if has_page else None)


async def _read(session: aiohttp.ClientSession, url: str) -> str | None:
    """The page; None when there is none."""
    try:
        async with session.get(url) as response:
            return await response.text() if response.status == HTTPStatus.OK else None
    except (aiohttp.ClientError, TimeoutError):
        return None
