"""What holds for every test of the exporter inside the test's own process."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest

_FAREWELLS = 500
_PAUSE_SECONDS = 0.01


@pytest.fixture(autouse=True)
async def _farewells() -> AsyncIterator[None]:
    """TLS connections close a moment after their session: a loop that ends before them leaves them open for good."""
    before = _connections()
    yield
    for _ in range(_FAREWELLS):
        if _connections() <= before:
            return
        await asyncio.sleep(_PAUSE_SECONDS)


def _connections() -> int:
    return len(psutil.Process().net_connections("tcp"))
