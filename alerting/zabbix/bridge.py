"""The bridge: Alertmanager's webhook in, Zabbix out, and 200 only when Zabbix has taken every alert; and back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import aiohttp
import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alerting.payload import Alert, Notification, parse_notification
from alerting.zabbix.delivery import News
from alerting.zabbix.discovery import row
from alerting.zabbix.engine import Engine
from alerting.zabbix.forward import SOURCE_LABEL
from alerting.zabbix.metrics import INVALID, TAKEN, BridgeMetrics
from alerting.zabbix.settings import BridgeSettings, load_settings
from alerting.zabbix.spelling import one_line
from alerting.zabbix.subject import of_labels
from tapwatch.errors import DeliveryError, DeliveryReason
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

LARGEST_PAYLOAD_BYTES = 32 * 1024**2


_NOBODY = ("{", "Inaccessible user")
"""What Zabbix writes for a person that there is not, or that it may not name."""


class EventCall(BaseModel):
    """What the media type posts."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    event_id: Annotated[str, Field(pattern=r"^\d{1,20}$")]
    person: Annotated[str, Field(max_length=500)] = ""

    @property
    def known_person(self) -> str:
        """Who did something."""
        return "" if self.person.startswith(_NOBODY) else one_line(self.person)


class Bridge:
    """The process: its settings, its answers, and the engine behind them."""

    def __init__(self, config_file: Path) -> None:
        """Read the settings; raises ConfigError."""
        self._file = config_file
        self._settings = load_settings(config_file)
        self.registry = own_registry()
        self._metrics = BridgeMetrics(self.registry)
        self._session: aiohttp.ClientSession | None = None
        self._engine: Engine | None = None
        self._replaced = asyncio.Event()

    @property
    def service(self) -> Service:
        """The bridge as the shared web server takes it."""
        return Service(
            name="zabbix",
            routes=[web.post("/zabbix", self.answer), web.post("/zabbix/events", self.answer_event)],
            registry=self.registry,
            reload=self.reload,
            background=self._working,
            max_body_bytes=LARGEST_PAYLOAD_BYTES,
        )

    def reload(self) -> None:
        """Read the settings and secrets again; raises ConfigError and keeps the old ones."""
        self._settings = load_settings(self._file)
        self._replaced.set()

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as session:
            keeper = asyncio.create_task(self._keep_an_engine(session))
            try:
                yield
            finally:
                keeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeper

    async def _keep_an_engine(self, session: aiohttp.ClientSession) -> None:
        """An engine for the settings that run; the next one when they are replaced."""
        while True:
            self._replaced.clear()
            self._engine = Engine(self._settings, session, self._metrics)
            async with self._engine.running():
                await self._replaced.wait()

    def _ready_engine(self) -> Engine:
        if self._engine is None:
            raise web.HTTPServiceUnavailable(text="the bridge has only just started\n")
        return self._engine

    async def answer(self, request: web.Request) -> web.Response:
        """POST /zabbix, Alertmanager's webhook.

        200: Zabbix has taken every alert. 503: it has not, and another try can help. 400: it is no notification.
        """
        try:
            notification = parse_notification(await request.read())
        except ValueError as error:
            self._metrics.count_invalid()
            log.warning("notification.invalid", error=str(error))
            return web.Response(status=400, text=f"{error}\n")
        engine, started = self._ready_engine(), time.monotonic()
        alerts = [alert for alert in notification.alerts if SOURCE_LABEL not in alert.labels.items()]
        try:
            await engine.delivery.deliver(_news(alert, engine.settings) for alert in alerts)
        except DeliveryError as error:
            self._metrics.count_notification(error.reason, time.monotonic() - started)
            log.warning("notification.not_taken", reason=error.reason, error=str(error), alerts=len(alerts))
            return web.Response(status=503, text=f"{error.reason}: {error}\n")
        took = time.monotonic() - started
        self._metrics.count_notification(TAKEN, took)
        self._metrics.count_alerts(alerts, time.time())
        self._log_taken(notification, alerts, took)
        return web.Response(text="taken\n")

    def _log_taken(self, notification: Notification, alerts: list[Alert], took: float) -> None:
        returned = len(notification.alerts) - len(alerts)
        log.info(
            "notification.taken",
            status=notification.status,
            alerts=len(alerts),
            from_zabbix_itself=returned,
            seconds=round(took, 3),
        )

    async def answer_event(self, request: web.Request) -> web.Response:
        """POST /zabbix/events, Zabbix' media type: a problem was opened, closed or updated.

        What it is about is asked of Zabbix itself, so that a call that is lost or comes twice changes nothing.
        200: Alertmanager has it. 503: Zabbix tries again. 404: there is no way back in the settings. 400: it is no call
        of the media type.
        """
        try:
            call = EventCall.model_validate_json(await request.read())
        except ValidationError as error:
            self._metrics.count_event(INVALID)
            place = ".".join(map(str, error.errors()[0]["loc"])) or "the body"
            return web.Response(
                status=400, text=f"not a call of Zabbix' media type: {place}: {error.errors()[0]['msg']}\n"
            )
        engine = self._ready_engine()
        if not engine.settings.alertmanagers:
            self._metrics.count_event(DeliveryReason.CONNECT)
            return web.Response(status=404, text="the settings name no alertmanagers\n")
        try:
            await engine.compare_now(call.event_id, call.known_person)
        except DeliveryError as error:
            self._metrics.count_event(error.reason)
            return web.Response(status=503, text=f"{error.reason}: {error}\n")
        self._metrics.count_event(TAKEN)
        return web.Response(text="taken\n")


def _news(alert: Alert, settings: BridgeSettings) -> News:
    return News(alert.fingerprint, alert.firing, of_labels(alert.labels), row(alert, settings.severities))
