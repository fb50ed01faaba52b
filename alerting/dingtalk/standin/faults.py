"""Faults of DingTalk's cloud that can be switched on: how it answers when it is not well."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from alerting.dingtalk.standin.cloud import Verdict

SLOW_SECONDS = 3.0


@dataclass
class Fault:
    """A fault that is switched on."""

    kind: str
    remaining: int | None = None
    """Calls that it still answers; None for all."""
    errcode: int = -1


async def _hang(request: web.Request, _fault: Fault) -> web.Response:
    """Say nothing until the caller gives up."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.05)
    return web.Response(status=504)


async def _reset(request: web.Request, _fault: Fault) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _http500(_request: web.Request, _fault: Fault) -> web.Response:
    return web.Response(status=500, text="Internal Server Error")


async def _ban(_request: web.Request, _fault: Fault) -> web.Response:
    """The gateway in front of DingTalk, which knows no errcode."""
    return web.json_response({"status": 1111, "wait": 5, "punish": "deny"})


async def _missing_errcode(_request: web.Request, _fault: Fault) -> web.Response:
    return web.json_response({"errmsg": "ok"})


async def _errcode(_request: web.Request, fault: Fault) -> web.Response:
    return web.json_response({"errcode": fault.errcode, "errmsg": "injected"})


ANSWERS: dict[str, Callable[[web.Request, Fault], Awaitable[web.Response]]] = {
    "errcode": _errcode,
    "hang": _hang,
    "reset": _reset,
    "http500": _http500,
    "ban": _ban,
    "missing_errcode": _missing_errcode,
}
"""Faults that answer in place of the cloud; `slow` is the one that only delays it."""

KINDS = (*ANSWERS, "slow")


def verdict_of(fault: Fault) -> Verdict:
    """What the chat page shows of a call that a fault answered."""
    return Verdict(fault.errcode, f"injected fault: {fault.kind}")
