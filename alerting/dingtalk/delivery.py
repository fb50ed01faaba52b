"""From a notification to delivered messages: what is tried again at once, in another form, later, or not at all."""

import asyncio
import random
from dataclasses import replace

import structlog

from alerting.dingtalk.ledger import Entry
from alerting.dingtalk.message import BODY_BYTES, LEAST_BODY_BYTES, NOTHING_MORE, Extras, Form, Message, Style, write
from alerting.dingtalk.outlet import Outlet
from alerting.payload import Notification
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

TRIES = 3
"""Of one message in a row, the first included."""
MOST_MESSAGES = 3
"""For one notification: more would cost other news its share of the robot's minute."""

_FIRST_WAIT_SECONDS = 0.3
_LONGEST_WAIT_SECONDS = 20.0
PASSING = frozenset(
    {
        DeliveryReason.BUSY,
        DeliveryReason.CONNECT,
        DeliveryReason.DISCONNECT,
        DeliveryReason.HTTP,
        DeliveryReason.MALFORMED_ANSWER,
        DeliveryReason.TIMEOUT,
        DeliveryReason.TLS,
    }
)
"""Faults that pass by themselves; after most of them nobody knows whether the message arrived."""
NOT_TAKEN = frozenset({DeliveryReason.BUSY, DeliveryReason.CONNECT, DeliveryReason.TLS})
"""Those of them after which it has not arrived, for sure."""
_PLAINER = {Form.CARD: Form.MARKDOWN, Form.MARKDOWN: Form.TEXT, Form.TEXT: Form.BARE}
FAIL_OVER = NOT_TAKEN | frozenset(
    {
        DeliveryReason.BAD_TOKEN,
        DeliveryReason.QUOTA,
        DeliveryReason.RATE_LIMITED,
        DeliveryReason.REFUSED,
        DeliveryReason.ROBOT_GONE,
    }
)
"""Another robot of the pool may take the message; this one has not taken it, for sure."""


def backoff(attempt: int) -> float:
    """Seconds after so many tries in a row: longer each time, and never the same for two replicas."""
    seconds = min(_FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), _LONGEST_WAIT_SECONDS)
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - jitter


def fall_back(style: Style, reason: DeliveryReason) -> Style | None:
    """How to write a message that DingTalk has refused in this style; None when that would not help."""
    if reason is DeliveryReason.TOO_LONG and style.form is not Form.BARE:
        half = style.body_bytes // 2
        return replace(style, body_bytes=half) if half >= LEAST_BODY_BYTES else replace(style, form=Form.BARE)
    if reason is DeliveryReason.BAD_MESSAGE and style.form is not Form.BARE:
        return replace(style, form=_PLAINER[style.form], body_bytes=BODY_BYTES)
    return None


class Delivery:
    """The way to one robot: one message at a time, within what DingTalk allows."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self._turn = asyncio.Lock()

    async def deliver(self, notification: Notification, entry: Entry, extras: Extras = NOTHING_MORE) -> int:
        """Return the number of messages sent, 0 for news that was delivered before, once DingTalk has taken all.

        Raises DeliveryError. What was delivered until then is in the ledger's entry and is not sent again.
        """
        async with self._turn:
            return await self._send_all(notification, entry, extras)

    async def _send_all(self, notification: Notification, entry: Entry, extras: Extras) -> int:
        sent = 0
        while not entry.finished:
            message = await self._send_next(notification, entry, extras)
            sent += 1
            entry.told += message.told
            entry.messages += 1
            entry.finished = entry.told == len(notification.alerts)
        return sent

    async def _send_next(self, notification: Notification, entry: Entry, extras: Extras) -> Message:
        """Send the next message in the best form that DingTalk takes."""
        style = Style(last=entry.messages >= MOST_MESSAGES - 1)
        while True:
            # Thousands of alerts take a moment to write up, which is nobody else's.
            message = await asyncio.to_thread(write, notification, self.outlet.reader, style, entry.told, extras)
            try:
                body = message.encode(entry.message_id(style.form, style.body_bytes))
                await self._call_until_taken(body, critical=notification.is_critical(entry.told))
            except DeliveryError as error:
                other = fall_back(style, error.reason)
                if other is None:
                    raise
                log.warning("message.rewritten", reason=error.reason, error=str(error), form=other.form)
                style = other
            else:
                return message

    async def _call_until_taken(self, body: bytes, *, critical: bool) -> None:
        """Passing faults are tried again with the same body, and so with the same `msgUuid`."""
        for attempt in range(1, TRIES + 1):
            try:
                await self.outlet.call_within_budget(body, critical=critical)
            except DeliveryError as error:
                if attempt == TRIES or error.reason not in PASSING:
                    raise
                log.info("message.retried", attempt=attempt, reason=error.reason, error=str(error))
            else:
                return
            await asyncio.sleep(backoff(attempt))
