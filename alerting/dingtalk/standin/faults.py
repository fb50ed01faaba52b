"""How DingTalk's cloud answers when it is not well: faults that can be switched on and off while it runs."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from alerting.dingtalk.standin.cloud import Verdict

_STILL_THERE_SECONDS = 0.1


class Kind(StrEnum):
    """The faults there are."""

    BUSY = "busy"
    """errcode -1."""
    ERRCODE = "errcode"
    """Any errcode."""
    HANG = "hang"
    """No answer until the caller gives up."""
    SLOW = "slow"
    """A true answer, `seconds` late."""
    HTTP500 = "http500"
    """An HTTP error of a server on the way."""
    RESET = "reset"
    """The connection breaks before the message is read."""
    LOST_ANSWER = "lost_answer"
    """The message is taken, and the connection breaks before the answer: the caller cannot know."""
    BAN = "ban"
    """The gateway in front of DingTalk refuses the address; it knows no errcode."""
    BAN_PAGE = "ban_page"
    """As above, as a page for people."""
    MISSING_ERRCODE = "missing_errcode"
    """HTTP 200 and JSON without an errcode."""


TAKES_THE_MESSAGE = frozenset({Kind.SLOW, Kind.LOST_ANSWER})


@dataclass
class Fault:
    """A fault that is switched on."""

    kind: Kind
    remaining: int | None = None
    """Calls that it still meets; None for all."""
    errcode: int = -1
    errmsg: str = "injected"
    seconds: float = 3.0
    robot: str = ""
    """The only robot that it meets; empty for all."""
    share: float = 1.0
    """Of the calls that it could meet, by chance."""

    def meets(self, robot: str) -> bool:
        """Whether a call of this robot is one of them; it is counted."""
        if (self.robot and self.robot != robot) or self.remaining == 0 or random.random() >= self.share:  # noqa: S311 - no secret
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True

    @property
    def verdict(self) -> Verdict:
        """What is kept of a call that the fault answers."""
        if self.kind in {Kind.ERRCODE, Kind.BUSY}:
            return Verdict(self.errcode, self.errmsg)
        return Verdict(-1, f"injected fault: {self.kind}")


def read_fault(query: Mapping[str, str]) -> Fault:
    """`kind=KIND[&count=N][&errcode=N][&errmsg=TEXT][&seconds=S][&robot=NAME][&share=0.1]`.

    Raises ValueError with what would be right.
    """
    kind = query.get("kind", "")
    if kind not in set(Kind):
        raise ValueError(f"no fault is named {kind!r}; there are: {', '.join(Kind)}")
    try:
        fault = Fault(
            Kind(kind),
            int(query["count"]) if "count" in query else None,
            int(query.get("errcode", "-1")),
            query.get("errmsg", "injected"),
            float(query.get("seconds", "3")),
            query.get("robot", ""),
            float(query.get("share", "1")),
        )
    except ValueError:
        raise ValueError("count and errcode are whole numbers, seconds and share are numbers") from None
    if fault.kind is Kind.ERRCODE and "errcode" not in query:
        raise ValueError("errcode=N is missing")
    return fault


async def answer(fault: Fault, request: web.Request) -> web.Response:
    """What the caller gets in place of the cloud's own answer."""
    if fault.kind is Kind.HANG:
        await _until_the_caller_is_gone(request)
    if fault.kind in {Kind.RESET, Kind.LOST_ANSWER} and request.transport is not None:
        request.transport.abort()
    match fault.kind:
        case Kind.BUSY | Kind.ERRCODE:
            return web.json_response({"errcode": fault.errcode, "errmsg": fault.errmsg})
        case Kind.BAN:
            return web.json_response({"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "0"})
        case Kind.BAN_PAGE:
            return web.Response(text="<!doctype html><html><title>Denied</title></html>", content_type="text/html")
        case Kind.MISSING_ERRCODE:
            return web.json_response({"errmsg": "ok"})
        case _:
            return web.Response(status=500, text="Internal Server Error")


async def _until_the_caller_is_gone(request: web.Request) -> None:
    while request.transport is not None:  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(_STILL_THERE_SECONDS)
