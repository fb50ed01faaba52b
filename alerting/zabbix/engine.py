"""What runs beside the web server, for one state of the settings: delivery, comparison, heartbeat."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import structlog

from alerting.zabbix.alertmanager import Alertmanager
from alerting.zabbix.api import Api
from alerting.zabbix.comparison import Comparison
from alerting.zabbix.delivery import Delivery
from alerting.zabbix.discovery import HEARTBEAT_KEY
from alerting.zabbix.hosts import Hosts
from alerting.zabbix.metrics import TAKEN, BridgeMetrics
from alerting.zabbix.settings import BridgeSettings
from alerting.zabbix.subject import STACK
from alerting.zabbix.values import Channel, HistoryPush, Trapper, Value
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

HISTORY_PUSH_SINCE = (7, 0)


class AnyChannel:
    """The way that fits the server: history.push where its API has it, else the trapper."""

    def __init__(self, settings: BridgeSettings, api: Api) -> None:
        self._api = api
        self._push = HistoryPush(api)
        self._wanted = settings.values
        self._trapper = None if settings.trapper is None else Trapper(settings.trapper, settings.timeout)

    async def push(self, values: Sequence[Value]) -> list[str | None]:
        """As the protocol says."""
        return await (await self._channel()).push(values)

    async def _channel(self) -> Channel:
        if self._wanted == "history.push":
            return self._push
        if self._wanted == "auto" and await self._api.version() >= HISTORY_PUSH_SINCE:
            return self._push
        if self._trapper is None:
            text = "this Zabbix has no history.push, and the settings name no `server` for the trapper"
            raise DeliveryError(DeliveryReason.CONNECT, text, retryable=True)
        return self._trapper


class Engine:
    """One state of the settings at work."""

    def __init__(self, settings: BridgeSettings, session: aiohttp.ClientSession, metrics: BridgeMetrics) -> None:
        self.settings = settings
        self._metrics = metrics
        api = Api(settings.api_url, settings.token, settings.timeout)
        self._channel = AnyChannel(settings, api)
        self.delivery = Delivery(
            api, Hosts(api), self._channel, settings.patience, time.monotonic, metrics.count_values
        )
        alertmanager = Alertmanager(settings.alertmanagers, session, settings.timeout)
        self._comparison = Comparison(settings, api, alertmanager, self.delivery, metrics, time.monotonic)
        self._asked: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At work while the context lasts."""
        works = [self.delivery.run, self._beat]
        if self.settings.alertmanagers:
            works.append(self._compare)
        tasks = [asyncio.create_task(_for_ever(work)) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in self._asked:
                one.cancel()

    async def compare_now(self, event_id: str, person: str) -> None:
        """Return when both sides have been brought into step after this call. Raises DeliveryError.

        `person` did something about the event; empty when nobody did.
        """
        if person:
            self._comparison.note_person(event_id, person)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(done)
        self._wake.set()
        await done

    async def _compare(self) -> None:
        asked, self._asked = self._asked, []
        self._wake.clear()
        try:
            await self._comparison.run()
        except DeliveryError as error:
            log.warning("comparison.failed", reason=error.reason, error=str(error))
            self._metrics.count_comparison(error.reason, time.time())
            _settle(asked, error)
        else:
            self._metrics.count_comparison(TAKEN, time.time())
            _settle(asked, None)
        finally:
            for one in asked:
                one.cancel()  # nothing happens to one that is settled
        await self._wait(self.settings.interval)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _beat(self) -> None:
        try:
            refusal = (await self._channel.push([Value(STACK.host, HEARTBEAT_KEY, str(int(time.time())))]))[0]
            if refusal:
                log.warning("heartbeat.not_taken", error=refusal)
        except DeliveryError as error:
            log.warning("heartbeat.not_taken", reason=error.reason, error=str(error))
        await asyncio.sleep(self.settings.heartbeat)


def _settle(asked: list["asyncio.Future[None]"], error: DeliveryError | None) -> None:
    for one in asked:
        if one.done():
            continue
        if error is None:
            one.set_result(None)
        else:
            one.set_exception(error)


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:  # the outermost loop: a fault of our own must not end the bridge
            log.exception("bridge.crashed", work=work.__name__)
            await asyncio.sleep(1)
