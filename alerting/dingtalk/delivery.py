"""From a notification to delivered messages: what is tried again at once, in another form, later, or not at all."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from alerting.dingtalk.ledger import Entry, Ledger
from alerting.dingtalk.message import BODY_BYTES, LEAST_BODY_BYTES, Form, Message, Reader, Style, write
from alerting.dingtalk.payload import Notification
from alerting.dingtalk.ratelimit import RateBudget
from alerting.dingtalk.robot import Robot
from alerting.dingtalk.settings import RateLimit
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

TRIES = 3
"""Of one message in a row, the first included."""
MOST_MESSAGES = 3
"""For one notification: more would cost other news its share of the robot's minute."""
BAN_SECONDS = 300.0
"""How long DingTalk's gateway refuses an address that called too often."""

_FIRST_WAIT_SECONDS = 0.3
_AGAIN_AT_ONCE = frozenset(
    {
        DeliveryReason.BUSY,
        DeliveryReason.CONNECT,
        DeliveryReason.DISCONNECT,
        DeliveryReason.HTTP,
        DeliveryReason.MALFORMED_ANSWER,
        DeliveryReason.TIMEOUT,
    }
)


def fall_back(style: Style, reason: DeliveryReason) -> Style | None:
    """How to write a message that DingTalk has refused in this style; None when that would not help."""
    if reason is DeliveryReason.TOO_LONG and style.form is not Form.BARE:
        half = style.body_bytes // 2
        return replace(style, body_bytes=half) if half >= LEAST_BODY_BYTES else replace(style, form=Form.BARE)
    if reason is DeliveryReason.BAD_MESSAGE and style.form is not Form.BARE:
        plainer = Form.TEXT if style.form is Form.MARKDOWN else Form.BARE
        return replace(style, form=plainer, body_bytes=BODY_BYTES)
    return None


@dataclass(frozen=True)
class CallMeter:
    """Where calls are counted."""

    ended: Callable[[str, float], None]
    """Gets the result, `delivered` or the reason, and the seconds that the call took."""
    clock: Callable[[], float]
    """Seconds that never go back."""


class Delivery:
    """The way to one robot: one message at a time, within what DingTalk allows."""

    def __init__(self, robot: Robot, reader: Reader, limit: RateLimit, patience: float, meter: CallMeter) -> None:
        """`patience` in seconds is for a whole notification, waiting in line included."""
        self._robot = robot
        self._reader = reader
        self._mute = limit.mute
        self._patience = patience
        self._meter = meter
        self._turn = asyncio.Lock()
        self.budget = RateBudget(limit.messages, limit.per)

    async def deliver(self, notification: Notification, ledger: Ledger, key: str) -> int:
        """Return the number of messages sent, 0 for news that was delivered before, once DingTalk has taken all.

        Raises DeliveryError. What was delivered until then is in the ledger and is not sent again.
        """
        try:
            async with asyncio.timeout(self._patience), self._turn:
                return await self._send_all(notification, ledger.open(key))
        except TimeoutError:
            message = f"not delivered within {self._patience:g} s, waiting in line included"
            raise DeliveryError(DeliveryReason.TIMEOUT, message, retryable=True) from None

    async def _send_all(self, notification: Notification, entry: Entry) -> int:
        sent = 0
        while not entry.finished:
            message = await self._send_next(notification, entry)
            sent += 1
            entry.told += message.told
            entry.messages += 1
            entry.finished = entry.told == len(notification.alerts)
        return sent

    async def _send_next(self, notification: Notification, entry: Entry) -> Message:
        """Send the next message in the best form that DingTalk takes."""
        style = Style(last=entry.messages >= MOST_MESSAGES - 1)
        while True:
            message = write(notification, self._reader, style, entry.told)
            try:
                await self._call_until_taken(message.encode(entry.message_id(style.form, style.body_bytes)))
            except DeliveryError as error:
                other = fall_back(style, error.reason)
                if other is None:
                    raise
                log.warning("message.rewritten", reason=error.reason, error=str(error), form=other.form)
                style = other
            else:
                return message

    async def _call_until_taken(self, body: bytes) -> None:
        """Passing faults are tried again with the same body, and so with the same `msgUuid`."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._call(body)
            except DeliveryError as error:
                if attempt == TRIES or error.reason not in _AGAIN_AT_ONCE:
                    raise
                log.info("message.retried", attempt=attempt, reason=error.reason, error=str(error))
            else:
                return
            # Longer each time, and never the same for two replicas.
            await asyncio.sleep(_FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - jitter

    async def _call(self, body: bytes) -> None:
        with self._accounted():
            await self._robot.call(body)

    @contextmanager
    def _accounted(self) -> Iterator[None]:
        """A call within the budget, measured; DingTalk's word that it was too much is heeded."""
        started = self._meter.clock()
        self.budget.take(started)
        result = str(DeliveryReason.TIMEOUT)  # when the patience ends it from outside
        try:
            yield
            result = "delivered"
        except DeliveryError as error:
            result = str(error.reason)
            if error.reason is DeliveryReason.RATE_LIMITED:
                self.budget.pause(self._meter.clock(), self._mute, "DingTalk has muted it")
            elif error.reason is DeliveryReason.BANNED:
                self.budget.pause(self._meter.clock(), BAN_SECONDS, "DingTalk's gateway has banned this address")
            raise
        finally:
            self.budget.settle(self._meter.clock())
            self._meter.ended(result, self._meter.clock() - started)
