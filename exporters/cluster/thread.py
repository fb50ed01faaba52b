"""Calls that block, each in a thread of its own.

Shared pools would let one cluster's dead name server or hung credential plugin delay all others. The threads are
daemons, so that none of them can keep the process from ending.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

Result = TypeVar("Result")


async def call_in_thread(function: Callable[[], Result]) -> Result:
    """What `function` returns or raises. When this is cancelled the thread goes on, and its result is dropped."""
    return await asyncio.wrap_future(start_in_thread(function))


def start_in_thread(function: Callable[[], Result]) -> Future[Result]:
    """Start `function` and return at once."""
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()  # from now on it cannot be cancelled, only ignored
    threading.Thread(target=_settle, args=(future, function), daemon=True).start()
    return future


def _settle(future: Future[Result], function: Callable[[], Result]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)


async def look_up(host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
    """The addresses of a host, as everyone on this machine sees them; raises OSError when it has none."""
    ask = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=found,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found, _, protocol, _, address in await call_in_thread(ask)
    ]


async def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host, in the system's order; raises OSError when it has none."""
    return [one["host"] for one in await look_up(host, port)]


class Resolver(AbstractResolver):
    """Names looked up by the system, as everyone on this machine sees them, and anew each time."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host; raises OSError when it has none."""
        return await look_up(host, port, family)

    async def close(self) -> None:
        """Nothing is kept."""
