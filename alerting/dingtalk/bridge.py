"""The bridge: Alertmanager's webhook in, DingTalk out, and 200 only when DingTalk has taken every message."""

import functools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from alerting.dingtalk.delivery import CallMeter, Delivery
from alerting.dingtalk.ledger import Ledger
from alerting.dingtalk.message import Reader
from alerting.dingtalk.metrics import BridgeMetrics
from alerting.dingtalk.payload import Notification, parse_notification
from alerting.dingtalk.robot import Robot
from alerting.dingtalk.settings import RobotSettings, load_settings
from tapwatch.errors import DeliveryError
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

LARGEST_PAYLOAD_BYTES = 32 * 1024**2


@dataclass(frozen=True)
class Clocks:
    """The time, for tests to replace."""

    unix: Callable[[], float] = time.time
    """Seconds since 1970, which DingTalk compares with its own."""
    steady: Callable[[], float] = time.monotonic
    """Seconds that never go back."""


@dataclass(frozen=True)
class _Channel:
    """A robot in use."""

    settings: RobotSettings
    timing: tuple[float, float]
    delivery: Delivery


class Bridge:
    """The process: its robots and its answers."""

    def __init__(self, config_file: Path, clocks: Clocks | None = None) -> None:
        """Read the settings; raises ConfigError."""
        self._file = config_file
        self._settings = load_settings(config_file)
        self._clocks = clocks or Clocks()
        self._session: aiohttp.ClientSession | None = None
        self._channels: Mapping[str, _Channel] = {}
        self._ledger = Ledger(self._clocks.steady)
        self.registry = own_registry()
        self._metrics = BridgeMetrics(self.registry)

    @property
    def service(self) -> Service:
        """The bridge as the shared web server takes it."""
        return Service(
            name="dingtalk",
            routes=[web.post("/dingtalk/{robot}", self.answer)],
            registry=self.registry,
            reload=self.reload,
            background=self._sending,
            max_body_bytes=LARGEST_PAYLOAD_BYTES,
        )

    def reload(self) -> None:
        """Read the settings and secrets again; raises ConfigError and keeps the old ones.

        A robot whose settings have not changed keeps what it knows of its rate limit.
        """
        self._settings = load_settings(self._file)
        self._apply()

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as self._session:
            self._apply()
            yield
        self._session = None

    def _apply(self) -> None:
        """Make the channels those of the settings."""
        if self._session is None:
            return  # they come with the session
        for name in self._settings.unused:
            log.warning("settings.unused", setting=name, file=str(self._file), meaning="this version does not use it")
        old, session = self._channels, self._session
        self._channels = {
            name: self._channel(name, robot, old.get(name), session) for name, robot in self._settings.robots.items()
        }
        self._metrics.show_robots(self._channels)

    def _channel(
        self, name: str, robot: RobotSettings, known: _Channel | None, session: aiohttp.ClientSession
    ) -> _Channel:
        timeout, patience = timing = (self._settings.timeout, self._settings.patience)
        if known is not None and (known.settings, known.timing) == (robot, timing):
            return known
        meter = CallMeter(functools.partial(self._metrics.count_call, name), self._clocks.steady)
        sender = Robot(robot, session, timeout, self._clocks.unix)
        return _Channel(robot, timing, Delivery(sender, Reader.of(robot), robot.rate_limit, patience, meter))

    async def answer(self, request: web.Request) -> web.Response:
        """POST /dingtalk/ROBOT.

        200: DingTalk has said errcode 0 to every message. 503: it has not, and another try can help. 4xx: none can.
        """
        name = request.match_info["robot"]
        channel = self._channels.get(name)
        if channel is None:
            known = ", ".join(sorted(self._channels))
            return web.Response(status=404, text=f"no robot has this name; there are: {known}\n")
        try:
            notification = parse_notification(await request.read())
        except ValueError as error:
            self._metrics.count_invalid(name)
            log.warning("notification.invalid", robot=name, error=str(error))
            return web.Response(status=400, text=f"{error}\n")
        key = f"{name}\n{notification.key}"
        with structlog.contextvars.bound_contextvars(robot=name):
            answer = await self._deliver(name, channel.delivery, notification, key)
        if request.transport is not None:  # else Alertmanager has given up waiting, and will ask again
            self._ledger.confirm(key)
        return answer

    async def _deliver(self, name: str, delivery: Delivery, notification: Notification, key: str) -> web.Response:
        started, alerts = self._clocks.steady(), len(notification.alerts)
        try:
            messages = await delivery.deliver(notification, self._ledger, key)
        except DeliveryError as error:
            wait = delivery.budget.wait(self._clocks.steady())
            self._metrics.count_failure(name, error.reason, self._clocks.unix() + wait if wait else None)
            log.warning("notification.not_delivered", reason=error.reason, error=str(error), alerts=alerts)
            return web.Response(status=503 if error.retryable else 422, text=f"{error.reason}: {error}\n")
        self._metrics.count_delivery(name, notification if messages else None, self._clocks.unix())
        took = round(self._clocks.steady() - started, 3)
        log.info("notification.delivered", status=notification.status, alerts=alerts, messages=messages, seconds=took)
        return web.Response(text="delivered\n" if messages else "delivered before\n")
