"""The stand-in over HTTP: DingTalk's own path for robots, what it has received, and the group chat's page."""

import asyncio
import time
from collections.abc import Callable
from importlib.resources import files

import structlog
from aiohttp import web
from markdown_it import MarkdownIt

from alerting.dingtalk.settings import BridgeSettings
from alerting.dingtalk.standin import faults
from alerting.dingtalk.standin.cloud import Cloud, Received
from alerting.dingtalk.standin.faults import Fault
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True})
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


class StandIn:
    """The process."""

    def __init__(self, settings: BridgeSettings, clock: Callable[[], float] = time.time) -> None:
        """Take what the robots of these settings send; `clock` gives Unix time."""
        self.cloud = Cloud(settings.robots)
        self.fault: Fault | None = None
        self._clock = clock

    @property
    def service(self) -> Service:
        """The stand-in as the shared web server takes it."""
        return Service(
            name="dingtalk stand-in",
            routes=[
                web.post("/robot/send", self.send),
                web.get("/messages", self.list_messages),
                web.post("/faults", self.switch_fault),
                web.delete("/faults", self.clear_faults),
            ],
            registry=own_registry(),
            landing=self.show_chat,
            links=["/messages"],
        )

    async def send(self, request: web.Request) -> web.StreamResponse:
        """DingTalk's own path; errors come with HTTP 200."""
        body = await request.read()
        fault = self._take_fault()
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(faults.SLOW_SECONDS)
        elif fault is not None:
            self.cloud.refuse(request.query, body, self._clock(), faults.verdict_of(fault))
            return await faults.ANSWERS[fault.kind](request, fault)
        one = self.cloud.receive(request.query, body, self._clock())
        log.info("message.received", robot=one.robot, errcode=one.verdict.errcode, title=one.title)
        return web.json_response({"errcode": one.verdict.errcode, "errmsg": one.verdict.errmsg})

    def _take_fault(self) -> Fault | None:
        fault = self.fault
        if fault is not None and fault.remaining is not None:
            fault.remaining -= 1
            if fault.remaining <= 0:
                self.fault = None
        return fault

    async def switch_fault(self, request: web.Request) -> web.Response:
        """POST /faults?kind=KIND[&count=N][&errcode=N]: for the next N calls, else until cleared."""
        kind = request.query.get("kind", "")
        if kind not in faults.KINDS:
            return web.Response(status=400, text=f"unknown kind {kind!r}; there are: {', '.join(faults.KINDS)}\n")
        try:
            count = int(request.query["count"]) if "count" in request.query else None
            errcode = int(request.query.get("errcode", "-1"))
        except ValueError:
            return web.Response(status=400, text="count and errcode are whole numbers\n")
        self.fault = Fault(kind, count, errcode)
        return web.Response(text=f"{kind} is on\n")

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """DELETE /faults: well again."""
        self.fault = None
        return web.Response(text="no fault is on\n")

    async def list_messages(self, request: web.Request) -> web.Response:
        """GET /messages[?after=N]: what came, oldest first."""
        after = request.query.get("after", "0")
        first = int(after) if after.isdecimal() else 0
        return web.json_response([_describe(one) for one in self.cloud.received[first:]])

    async def show_chat(self, _request: web.Request) -> web.Response:
        """The group chat as a phone shows it, live."""
        page = files(__package__ or "").joinpath("chat.html").read_text(encoding="utf-8")
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


def _describe(one: Received) -> dict[str, object]:
    return {
        "number": one.number,
        "time": one.time,
        "robot": one.robot,
        "accepted": one.verdict.accepted,
        "errcode": one.verdict.errcode,
        "errmsg": one.verdict.errmsg,
        "repeated": one.repeated,
        "msgtype": one.msgtype,
        "title": one.title,
        "text": one.text,
        "mentions": list(one.mentions),
        "html": _MARKDOWN.render(one.text),
    }
