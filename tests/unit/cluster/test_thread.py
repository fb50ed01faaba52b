"""Calls in threads of their own."""

import asyncio
import socket
import threading
import time

import pytest

from exporters.cluster.thread import Resolver, call_in_thread


async def test_the_result_comes_back() -> None:
    assert await call_in_thread(lambda: threading.current_thread().daemon) is True


async def test_an_exception_is_raised_where_the_result_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        await call_in_thread(lambda: 1 // 0)


async def test_many_blocked_calls_do_not_delay_another() -> None:
    """More than any shared pool has threads."""
    release = threading.Event()
    blocked = [asyncio.create_task(call_in_thread(release.wait)) for _ in range(100)]
    started = time.monotonic()
    assert await call_in_thread(lambda: "at once") == "at once"
    assert time.monotonic() - started < 1
    release.set()
    assert await asyncio.gather(*blocked) == [True] * 100


async def test_what_comes_back_after_nobody_waits_is_dropped() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call_in_thread(release.wait), 0.01)
    release.set()
    await asyncio.sleep(0.05)


async def test_a_name_is_resolved_as_the_system_does() -> None:
    results = await Resolver().resolve("localhost", 6443)
    assert {result["host"] for result in results} <= {"127.0.0.1", "::1"}
    assert {result["port"] for result in results} == {6443}
    with pytest.raises(socket.gaierror):
        await Resolver().resolve("no-such-host.invalid", 6443)
