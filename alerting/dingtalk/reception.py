"""Where notifications come in, from Alertmanager and from the bridge itself: into the outbox, else to DingTalk."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.direct import DirectDelivery
from alerting.dingtalk.metrics import BridgeMetrics
from alerting.dingtalk.outbox import Outbox
from alerting.dingtalk.settings import Language
from alerting.payload import Notification
from tapwatch.errors import DeliveryError, StoreError

log = structlog.get_logger()

REUNION_SECONDS = 3.0
"""How long news waits for a store that does not answer, before it is delivered without: after a network failure the
store is back a moment after Alertmanager is, and knows what others have told meanwhile."""
_BEAT_SECONDS = 0.25
OK, UNAVAILABLE, UNPROCESSABLE = 200, 503, 422
Answer = tuple[int, str]
"""HTTP status and text."""


class Reception:
    """Takes notifications, and says what became of them."""

    def __init__(self, direct: DirectDelivery, clocks: Clocks, metrics: BridgeMetrics) -> None:
        self.outbox: Outbox | None = None
        """None where no store is set up."""
        self.languages: Mapping[str, Language] = {}
        """By channel."""
        self._direct = direct
        self._clocks = clocks
        self._metrics = metrics
        self._alone = False
        """The store is away, and news is known to arrive without it."""

    async def announce(self, channel: str, write: Callable[[Language], Notification]) -> bool:
        """Tell news of the bridge's own, in the channel's language; whether it is safe. The same news is told once."""
        notification = write(self.languages[channel])
        with structlog.contextvars.bound_contextvars(robot=channel):
            status, _ = await self.take(channel, notification, lambda: True)
        return status == OK

    async def take(self, channel: str, notification: Notification, is_heard: Callable[[], bool]) -> Answer:
        """Store it, or else deliver it while the sender waits.

        `is_heard` says in the end whether the sender still waits for the answer; if not, it will come again.
        """
        started = self._clocks.steady()
        if self.outbox is not None and not self._direct.has_delivered(channel, notification):
            try:
                return await self._store_soon(self.outbox, channel, notification, is_heard)
            except StoreError as error:
                log.warning("notification.not_stored", error=str(error), meaning="it is delivered directly")
        answer = await self._deliver(channel, notification, started)
        if is_heard():
            self._direct.confirm(channel, notification)
        return answer

    async def _store_soon(
        self, outbox: Outbox, channel: str, notification: Notification, is_heard: Callable[[], bool]
    ) -> Answer:
        time = asyncio.get_running_loop().time
        deadline = time() + REUNION_SECONDS
        while True:
            try:
                return await self._store(outbox, channel, notification, is_heard)
            except StoreError:
                if self._alone or time() >= deadline:
                    raise
            await asyncio.sleep(_BEAT_SECONDS)

    async def _store(
        self, outbox: Outbox, channel: str, notification: Notification, is_heard: Callable[[], bool]
    ) -> Answer:
        receipt = await outbox.accept(channel, notification)
        if is_heard():
            outbox.confirm(receipt)
        self._alone = False
        log.info("notification.stored", number=receipt.number, known=receipt.known, alerts=len(notification.alerts))
        return OK, "stored before\n" if receipt.known else "stored\n"

    async def _deliver(self, channel: str, notification: Notification, started: float) -> Answer:
        alerts, spent = len(notification.alerts), self._clocks.steady() - started
        try:
            messages = await self._direct.deliver(channel, notification, spent)
        except DeliveryError as error:
            self._metrics.count_failure(channel, error.reason, channel)
            if wait := self._direct.wait(channel):
                self._metrics.show_blocked(channel, self._clocks.unix() + wait)
            log.warning("notification.not_delivered", reason=error.reason, error=str(error), alerts=alerts)
            return UNAVAILABLE if error.retryable else UNPROCESSABLE, f"{error.reason}: {error}\n"
        now = self._clocks.unix()
        self._metrics.count_delivery(channel, notification if messages else None, now)
        if self.outbox is not None and messages:
            self.outbox.remember(channel, notification)
            self._alone = True
        took = round(self._clocks.steady() - started, 3)
        log.info("notification.delivered", status=notification.status, alerts=alerts, messages=messages, seconds=took)
        return OK, "delivered\n" if messages else "delivered before\n"
