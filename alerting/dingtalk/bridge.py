"""The bridge: Alertmanager's webhook in, DingTalk out, and 200 only for what is safe in the outbox or delivered."""

import asyncio
import contextlib
import functools
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import structlog
from aiohttp import hdrs, web

from alerting.dingtalk import pages, records
from alerting.dingtalk.acts import Office
from alerting.dingtalk.attendance import Attendance
from alerting.dingtalk.buttons import Signer
from alerting.dingtalk.charts import Charts, Darkroom
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.delivery import Delivery
from alerting.dingtalk.direct import DirectDelivery
from alerting.dingtalk.easel import Easel
from alerting.dingtalk.escalation import Escalation
from alerting.dingtalk.files import load_all
from alerting.dingtalk.message import Reader
from alerting.dingtalk.metrics import BridgeMetrics, OutboxMetrics, ReconcilerMetrics, WatchdogMetrics
from alerting.dingtalk.outbox import Outbox
from alerting.dingtalk.outlet import CallMeter, Outlet
from alerting.dingtalk.reception import Reception
from alerting.dingtalk.reconcile import Reconciler
from alerting.dingtalk.records import RobotState
from alerting.dingtalk.robot import Robot
from alerting.dingtalk.settings import BridgeSettings, Language, RobotSettings
from alerting.dingtalk.store import picture
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.templating import Templates
from alerting.dingtalk.watchdog import Watch
from alerting.payload import parse_notification
from tapwatch.errors import StoreError
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

LARGEST_PAYLOAD_BYTES = 32 * 1024**2


@dataclass(frozen=True)
class _Way:
    """A robot in use."""

    settings: RobotSettings
    timeout: float
    delivery: Delivery


class Bridge:
    """The process: its robots and its answers."""

    def __init__(self, config_file: Path, clocks: Clocks | None = None) -> None:
        """Read the settings; raises ConfigError."""
        self._file = config_file
        self._settings, self._people = load_all(config_file)
        self._clocks = clocks or Clocks()
        self._session: aiohttp.ClientSession | None = None
        self._ways: Mapping[str, _Way] = {}
        self._direct = DirectDelivery(self._clocks)
        self._easel = Easel()
        self._outbox: Outbox | None = None
        self.registry = own_registry()
        self._metrics = BridgeMetrics(self.registry)
        self._reception = Reception(self._direct, self._clocks, self._metrics)
        self._watch = Watch(self._reception, self._clocks, WatchdogMetrics(self.registry))
        self._attendance = Attendance(self._clocks)
        self._escalation = Escalation(self._reception, self._clocks)
        self._reconciler = Reconciler(self._reception, self._clocks, ReconcilerMetrics(self.registry))

    @property
    def service(self) -> Service:
        """The bridge as the shared web server takes it."""
        return Service(
            name="dingtalk",
            routes=[
                web.post("/dingtalk/{robot}", self.answer),
                web.post("/watchdog/{name}", self.hear),
                web.get("/records", self.show_records),
                web.get("/records/{number}", self.show_record),
                web.get("/act/{token}", self.show_act),
                web.post("/act/{token}", self.act),
                web.get("/picture/{name}.png", self.show_picture),
                web.get("/style.css", pages.style),
            ],
            links=["/records"],
            registry=self.registry,
            reload=self.reload,
            background=self._sending,
            max_body_bytes=LARGEST_PAYLOAD_BYTES,
        )

    def reload(self) -> None:
        """Read the settings and secrets again; raises ConfigError and keeps the old ones.

        A robot whose settings have not changed keeps what it knows of its rate limit. Another outbox needs a restart.
        """
        old, (self._settings, self._people) = self._settings, load_all(self._file)
        if self._settings.database != old.database:
            log.warning("settings.restart_needed", setting="outbox", file=str(self._file))
        self._apply()

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self._session = await stack.enter_async_context(aiohttp.ClientSession())
            if self._settings.database is not None:
                database = Database(self._settings.database, self._clocks.steady)
                metrics = OutboxMetrics(self.registry)
                self._outbox = Outbox(database, self._direct, self._clocks, self._metrics, metrics)
                await stack.enter_async_context(self._outbox.running())
                self._reception.outbox = self._outbox
            self._apply()
            stack.callback(self._easel.stop)
            for loop in (self._watch.run(), self._reconciler.run(self._session), self._escalation.run()):
                stack.push_async_callback(_end, asyncio.create_task(loop))
            yield
        self._session = None

    def _apply(self) -> None:
        """Make the robots those of the settings."""
        if self._session is None:
            return  # they come with the session
        old, session, settings = self._ways, self._session, self._settings
        self._prepare_extras(settings, session)
        self._ways = {name: self._way(name, robot, old.get(name), session) for name, robot in settings.robots.items()}
        pools = {name: [self._ways[one].delivery for one in settings.pool(name)] for name in settings.robots}
        self._direct.use(pools, settings.patience, self._attendance.ring)
        if self._outbox is not None:
            outlets = {
                name: {delivery.outlet.name: delivery.outlet for delivery in pool} for name, pool in pools.items()
            }
            self._outbox.use(settings, outlets, self._attendance.attend)
        self._metrics.show_robots(self._ways)
        self._reception.languages = {name: robot.language for name, robot in settings.robots.items()}
        self._watch.use(settings.watchdogs)
        self._reconciler.use(settings.reconcile, settings.alertmanagers)

    def _prepare_extras(self, settings: BridgeSettings, session: aiohttp.ClientSession) -> None:
        self._attendance.time_zones = {name: robot.time_zone for name, robot in settings.robots.items()}
        self._attendance.people = self._escalation.people = self._people
        self._attendance.signer = self._attendance.charts = None
        if self._outbox is None:
            return
        if settings.buttons is not None:
            key = settings.buttons.key.get_secret_value()
            self._attendance.signer = Signer(key, settings.public_url, settings.buttons.valid)
        if settings.pictures is not None:
            darkroom = Darkroom(self._easel, self._outbox.database, self._clocks, settings.public_url)
            self._attendance.charts = Charts(settings.pictures, darkroom, session)
            self._easel.start()

    def _way(self, name: str, robot: RobotSettings, known: _Way | None, session: aiohttp.ClientSession) -> _Way:
        timeout = self._settings.timeout
        templates = Templates(self._settings.templates)
        if known is not None and (known.settings, known.timeout) == (robot, timeout):
            known.delivery.outlet.reader = Reader.of(robot, templates)
            return known
        meter = CallMeter(functools.partial(self._metrics.count_call, name), self._clocks.steady)
        called = Robot(robot, session, timeout, self._clocks.unix)
        outlet = Outlet(name, robot, called, meter, templates, stored=self._outbox is not None)
        return _Way(robot, timeout, Delivery(outlet))

    async def show_records(self, request: web.Request) -> web.Response:
        """GET /records: what came and what became of it."""
        results = self._metrics.last_results
        robots = [RobotState(name, results.get(name, "")) for name in self._ways]
        return await records.show_records(request, self._database(), robots)

    async def show_record(self, request: web.Request) -> web.Response:
        """GET /records/NUMBER: one notification."""
        return await records.show_record(request, self._database())

    async def show_act(self, request: web.Request) -> web.Response:
        """GET /act/TOKEN: what a button would do."""
        return await self._office().show(request)

    async def act(self, request: web.Request) -> web.Response:
        """POST /act/TOKEN: do it."""
        return await self._office().act(request)

    async def show_picture(self, request: web.Request) -> web.Response:
        """GET /picture/NAME.png: a chart, for whoever knows its name."""
        name, database = request.match_info["name"], self._database()
        try:
            content = await database.run(lambda store: picture.load(store, name))
        except StoreError:
            raise web.HTTPServiceUnavailable(text="the store does not answer\n") from None
        if content is None:
            raise web.HTTPNotFound(text="there is no picture of this name, or not any more\n")
        return web.Response(body=content, content_type="image/png", headers={"Cache-Control": "max-age=604800"})

    def _office(self) -> Office:
        signer, session = self._attendance.signer, self._session
        if signer is None or session is None:
            raise web.HTTPNotFound(text="there are no buttons in the settings\n")
        return Office(
            signer=signer,
            database=self._database(),
            reception=self._reception,
            session=session,
            alertmanagers=self._settings.alertmanagers,
            people=self._people,
            clocks=self._clocks,
            reader_of=self._reader_of,
        )

    def _reader_of(self, channel: str) -> tuple[Language, ZoneInfo]:
        robot = self._settings.robots.get(channel)
        return ("en", ZoneInfo("UTC")) if robot is None else (robot.language, ZoneInfo(robot.time_zone))

    def _database(self) -> Database:
        if self._outbox is None:
            raise web.HTTPNotFound(text="there is no outbox in the settings, so nothing is recorded\n")
        return self._outbox.database

    def _require_token(self, request: web.Request) -> None:
        """Raises 401 when the settings ask for a token that the request does not have."""
        token = self._settings.webhook_token
        given = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
        if token is not None and not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            raise web.HTTPUnauthorized(text="Unauthorized\n", headers={hdrs.WWW_AUTHENTICATE: "Bearer"})

    async def answer(self, request: web.Request) -> web.Response:
        """POST /dingtalk/ROBOT.

        200: the notification is safe in the outbox, or DingTalk has said errcode 0 to every message. 503: neither, and
        another try can help. 4xx: none can.
        """
        self._require_token(request)
        name = request.match_info["robot"]
        if name not in self._ways:
            known = ", ".join(sorted(self._ways))
            return web.Response(status=404, text=f"no robot has this name; there are: {known}\n")
        try:
            notification = parse_notification(await request.read())
        except ValueError as error:
            self._metrics.count_invalid(name)
            log.warning("notification.invalid", robot=name, error=str(error))
            return web.Response(status=400, text=f"{error}\n")
        with structlog.contextvars.bound_contextvars(robot=name):
            status, text = await self._reception.take(name, notification, lambda: _is_heard(request))
        return web.Response(status=status, text=text)

    async def hear(self, request: web.Request) -> web.Response:
        """POST /watchdog/NAME: an alert that fires always has come, so that the way to here works."""
        self._require_token(request)
        name = request.match_info["name"]
        if name not in self._settings.watchdogs:
            known = ", ".join(sorted(self._settings.watchdogs))
            return web.Response(status=404, text=f"no watchdog has this name; there are: {known}\n")
        try:
            notification = parse_notification(await request.read())
        except ValueError as error:
            log.warning("heartbeat.invalid", watchdog=name, error=str(error))
            return web.Response(status=400, text=f"{error}\n")
        if any(alert.firing for alert in notification.alerts):
            self._watch.hear(name)
        return web.Response(text="heard\n")


def _is_heard(request: web.Request) -> bool:
    """False when Alertmanager has given up waiting, and will ask again."""
    return request.transport is not None


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
