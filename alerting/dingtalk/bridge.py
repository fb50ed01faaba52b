"""The bridge: Alertmanager's webhook in, DingTalk out, and 2xx only when DingTalk has taken the message."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from alerting.dingtalk.message import TEXT_BYTES, Reader, render
from alerting.dingtalk.payload import Notification, parse_notification
from alerting.dingtalk.robot import Robot
from alerting.dingtalk.settings import BridgeSettings, load_settings
from tapwatch import catalogue
from tapwatch.errors import DeliveryError, DeliveryReason
from tapwatch.instruments import counter, gauge, histogram
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

MAX_PAYLOAD_BYTES = 32 * 1024**2

_UNCERTAIN = frozenset({DeliveryReason.TIMEOUT, DeliveryReason.CONNECT, DeliveryReason.MALFORMED_ANSWER})
_MAX_UNCERTAIN = 1000
_SMALLER = (1, 2, 4)
"""A message that DingTalk finds too long is tried again in a half and a quarter of the size."""


@dataclass
class _Channel:
    """A robot, its readers, and the order in which its messages go out."""

    robot: Robot
    reader: Reader
    turn: asyncio.Lock


class Bridge:
    """The process: its robots and its answers."""

    def __init__(self, config_file: Path) -> None:
        """Read the settings; raises ConfigError."""
        self._file = config_file
        self._settings = load_settings(config_file)
        self._session: aiohttp.ClientSession | None = None
        self._channels: Mapping[str, _Channel] = {}
        self._uncertain: dict[str, str] = {}
        self.registry = own_registry()
        self._notifications = counter(catalogue.NOTIFICATIONS, self.registry)
        self._messages = counter(catalogue.MESSAGES, self.registry)
        self._alerts = counter(catalogue.NOTIFICATION_ALERTS, self.registry)
        self._seconds = histogram(catalogue.MESSAGE_SECONDS, self.registry, (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
        self._blocked_until = gauge(catalogue.ROBOT_BLOCKED_UNTIL, self.registry)
        self._last_delivery = gauge(catalogue.LAST_DELIVERY, self.registry)

    @property
    def service(self) -> Service:
        """The bridge as the shared web server takes it."""
        return Service(
            name="dingtalk",
            routes=[web.post("/dingtalk/{robot}", self.answer)],
            registry=self.registry,
            reload=self.reload,
            background=self._sending,
            max_body_bytes=MAX_PAYLOAD_BYTES,
        )

    def reload(self) -> None:
        """Read the settings and secrets again; raises ConfigError and keeps the old ones.

        A robot whose settings have not changed keeps what it knows of its rate limit.
        """
        self._use(load_settings(self._file))

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as self._session:
            self._use(self._settings)
            yield

    def _use(self, settings: BridgeSettings) -> None:
        if self._session is None:
            raise AssertionError("settings are used once the session is there")
        for name in settings.unused:
            log.warning("settings.unused", setting=name, file=str(self._file))
        channels: dict[str, _Channel] = {}
        for name, one in settings.robots.items():
            known = self._channels.get(name)
            if known is not None and known.robot.settings == one and self._settings.timeout == settings.timeout:
                channels[name] = known
                continue
            robot = Robot(name, one, self._session, settings.timeout)
            channels[name] = _Channel(robot, Reader.of(one), asyncio.Lock())
        self._settings, self._channels = settings, channels

    async def answer(self, request: web.Request) -> web.Response:
        """POST /dingtalk/ROBOT.

        200: DingTalk has said errcode 0. 503: not delivered, and a retry can help. 4xx: it cannot, and why.
        """
        name = request.match_info["robot"]
        channel = self._channels.get(name)
        if channel is None:
            known = ", ".join(sorted(self._channels))
            return web.Response(status=404, text=f"no robot has this name; the robots are: {known}\n")
        try:
            notification = parse_notification(await request.read())
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        try:
            await self._deliver(channel, notification)
        except DeliveryError as error:
            self._notifications.labels(name, error.reason).inc()
            if error.reason is DeliveryReason.RATE_LIMITED:
                self._blocked_until.labels(name).set(time.time() + channel.robot.budget.wait(time.monotonic()))
            log.warning(
                "notification.not_delivered",
                robot=name,
                reason=error.reason,
                error=str(error),
                alerts=len(notification.alerts),
            )
            return web.Response(status=503 if error.retryable else 422, text=f"{error.reason}: {error}\n")
        self._note_delivery(name, notification)
        return web.Response(text="delivered\n")

    async def _deliver(self, channel: _Channel, notification: Notification) -> None:
        """Raises DeliveryError unless DingTalk has taken the whole notification."""
        message_id = self._uncertain.get(notification.key) or uuid.uuid4().hex
        try:
            async with channel.turn:
                await self._send(channel, notification, message_id)
        except DeliveryError as error:
            if error.reason in _UNCERTAIN and len(self._uncertain) < _MAX_UNCERTAIN:
                # It may have arrived after all: Alertmanager's next try must be the same message to DingTalk.
                self._uncertain[notification.key] = message_id
            raise
        self._uncertain.pop(notification.key, None)

    async def _send(self, channel: _Channel, notification: Notification, message_id: str) -> None:
        name = channel.robot.name
        for divisor in _SMALLER:
            message = render(notification, channel.reader, TEXT_BYTES // divisor)
            try:
                with self._seconds.labels(name).time():
                    await channel.robot.send(message, message_id)
            except DeliveryError as error:
                self._messages.labels(name, error.reason).inc()
                if error.reason is not DeliveryReason.TOO_LONG or divisor == _SMALLER[-1]:
                    raise
            else:
                self._messages.labels(name, "delivered").inc()
                return

    def _note_delivery(self, name: str, notification: Notification) -> None:
        self._notifications.labels(name, "delivered").inc()
        self._last_delivery.labels(name).set_to_current_time()
        for alert in notification.alerts:
            self._alerts.labels(name, alert.status).inc()
        log.info("notification.delivered", robot=name, status=notification.status, alerts=len(notification.alerts))
