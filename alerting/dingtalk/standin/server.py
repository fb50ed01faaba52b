"""The stand-in over HTTP: DingTalk's own path for robots, what it has received, and the group chat's page."""

import asyncio
import time
from collections.abc import Callable
from importlib.resources import files

import structlog
from aiohttp import web
from markdown_it import MarkdownIt

from alerting.dingtalk.settings import BridgeSettings, RateLimit
from alerting.dingtalk.standin import faults
from alerting.dingtalk.standin.cloud import Call, Cloud, Received
from alerting.dingtalk.standin.faults import Fault, Kind
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

LONGEST_POLL_SECONDS = 2.0
"""A page that waits delays the end of the process as long."""
_STEP_SECONDS = 0.1

# The part of markdown that DingTalk shows; images and HTML are not among what this page loads or runs.
_MARKDOWN = MarkdownIt("zero", {"html": False, "breaks": True}).enable(
    ["heading", "blockquote", "list", "emphasis", "link", "newline", "escape", "hr"]
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class StandIn:
    """The process. In a test, `tapwatch.web.Server(StandIn(settings).service, ...)` serves it on loopback."""

    def __init__(
        self,
        settings: BridgeSettings,
        limit: RateLimit | None = None,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what the robots of these settings send, within DingTalk's own rate limit unless told another.

        `clock` gives Unix time; `stopwatch` the seconds by which the rate is measured, which may pass faster.
        """
        self.cloud = Cloud(settings.robots, limit or RateLimit())
        self.fault: Fault | None = None
        self._clock = clock
        self._stopwatch = stopwatch

    @property
    def service(self) -> Service:
        """The stand-in as the shared web server takes it."""
        return Service(
            name="dingtalk stand-in",
            routes=[
                web.post("/robot/send", self.send),
                web.get("/messages", self.list_messages),
                web.get("/faults", self.show_fault),
                web.post("/faults", self.switch_fault),
                web.delete("/faults", self.clear_fault),
                web.get("/chat.{kind:css|js}", self.show_asset),
            ],
            registry=own_registry(),
            landing=self.show_chat,
        )

    async def send(self, request: web.Request) -> web.Response:
        """DingTalk's own path; errors come with HTTP 200."""
        call = Call(request.query, request.content_type, await request.read())
        fault = self._take_fault(self.cloud.name_of(call))
        if fault is not None and fault.kind not in faults.TAKES_THE_MESSAGE:
            self._note(self.cloud.refuse(call, self._clock(), fault.verdict))
            return await faults.answer(fault, request)
        if fault is not None and fault.kind is Kind.SLOW:
            await asyncio.sleep(fault.seconds)
        one = self.cloud.receive(call, self._clock(), self._stopwatch())
        self._note(one)
        if fault is not None and fault.kind is Kind.LOST_ANSWER:
            return await faults.answer(fault, request)
        return web.json_response({"errcode": one.verdict.errcode, "errmsg": one.verdict.errmsg})

    def _take_fault(self, robot: str) -> Fault | None:
        fault = self.fault
        if fault is None or not fault.meets(robot):
            return None
        if fault.remaining == 0:
            self.fault = None
        return fault

    def _note(self, one: Received) -> None:
        log.info("message.received", robot=one.robot, errcode=one.verdict.errcode, errmsg=one.verdict.errmsg)

    async def show_fault(self, _request: web.Request) -> web.Response:
        """GET /faults: the one that is on, and those there are."""
        fault = self.fault
        on = None if fault is None else {"kind": fault.kind, "remaining": fault.remaining}
        return web.json_response({"on": on, "kinds": list(Kind)})

    async def switch_fault(self, request: web.Request) -> web.Response:
        """POST /faults?kind=KIND[&count=N]...: for the next N calls, else until cleared."""
        try:
            self.fault = faults.read_fault(request.query)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(text=f"{self.fault.kind} is on\n")

    async def clear_fault(self, _request: web.Request) -> web.Response:
        """DELETE /faults: well again."""
        self.fault = None
        return web.Response(text="no fault is on\n")

    async def list_messages(self, request: web.Request) -> web.Response:
        """GET /messages[?after=N][&wait=SECONDS]: what came, oldest first; waits until there is something."""
        try:
            after, wait = int(request.query.get("after", "0")), float(request.query.get("wait", "0"))
        except ValueError:
            return web.Response(status=400, text="after is a whole number, wait a number of seconds\n")
        deadline = time.monotonic() + min(wait, LONGEST_POLL_SECONDS)
        while not (found := self.cloud.received(after)) and time.monotonic() < deadline:
            await asyncio.sleep(_STEP_SECONDS)
            if request.transport is None:
                break
        return web.json_response([_describe(one) for one in found])

    async def show_chat(self, _request: web.Request) -> web.Response:
        """The group chat as a phone shows it, live."""
        return web.Response(text=_asset("chat.html"), content_type="text/html", headers=_HEADERS)

    async def show_asset(self, request: web.Request) -> web.Response:
        """What the page is made of."""
        kind = request.match_info["kind"]
        content_type = {"css": "text/css", "js": "text/javascript"}[kind]
        return web.Response(text=_asset(f"chat.{kind}"), content_type=content_type, headers=_HEADERS)


def _asset(name: str) -> str:
    return files("alerting.dingtalk.standin").joinpath(name).read_text(encoding="utf-8")


def render_chat_text(text: str) -> str:
    """HTML of a message's markdown: headings, bold, quotes, lists and links; all else is shown as it was written."""
    html: str = _MARKDOWN.render(text)
    return html


def _describe(one: Received) -> dict[str, object]:
    message = one.message
    unheard = sorted(set(message.wanted) - set(message.mentioned))
    return {
        "number": one.number,
        "time": one.time,
        "robot": one.robot,
        "accepted": one.verdict.accepted,
        "errcode": one.verdict.errcode,
        "errmsg": one.verdict.errmsg,
        "repeated": one.repeated,
        "bytes": one.size,
        "msgtype": message.kind,
        "title": message.title,
        "text": message.text,
        "mentions": [*message.mentioned, *(["all"] if message.everybody else [])],
        "notes": [f"nobody's phone rings for {name}: @{name} does not stand in the text" for name in unheard],
        "html": render_chat_text(message.text) if message.kind == "markdown" else "",
    }
