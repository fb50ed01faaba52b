"""Delivery while Alertmanager waits for the answer: without an outbox, and when the outbox is out of order."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.delivery import FAIL_OVER, Delivery
from alerting.dingtalk.ledger import Entry, Ledger
from alerting.dingtalk.message import NOTHING_MORE, Extras
from alerting.payload import Notification
from tapwatch.errors import DeliveryError, DeliveryReason

Ring = Callable[[Iterable[tuple[Notification, int]]], Extras]
"""Of notifications, each with its level."""


class DirectDelivery:
    """The robots' deliveries, with what this process remembers of them."""

    def __init__(self, clocks: Clocks) -> None:
        self._ledger = Ledger(clocks)
        self._pools: Mapping[str, Sequence[Delivery]] = {}
        self._patience = 0.0
        self._ring: Ring = lambda _: NOTHING_MORE

    def use(self, pools: Mapping[str, Sequence[Delivery]], patience: float, ring: Ring) -> None:
        """From now on deliver by these robots: by channel, in the order in which they stand in.

        `patience` in seconds is for a whole notification, waiting in line and all robots included; `ring` says whose
        phones ring.
        """
        self._pools, self._patience, self._ring = pools, patience, ring

    async def deliver(self, channel: str, notification: Notification, spent: float = 0.0) -> int:
        """The number of messages sent, 0 for news that was delivered before; raises DeliveryError.

        `spent` are the seconds of the patience that are over.
        """
        return await self.deliver_entry(channel, notification, self._ledger.open(_key(channel, notification)), spent)

    async def deliver_entry(self, channel: str, notification: Notification, entry: Entry, spent: float = 0.0) -> int:
        """As `deliver`, with an entry that the caller keeps."""
        extras = self._ring([(notification, 0)])
        try:
            async with asyncio.timeout(self._patience - spent):
                return await self._deliver(self._pools[channel], notification, entry, extras)
        except TimeoutError:
            message = f"not delivered within {self._patience:g} s, waiting in line included"
            raise DeliveryError(DeliveryReason.TIMEOUT, message, retryable=True) from None

    @staticmethod
    async def _deliver(pool: Sequence[Delivery], notification: Notification, entry: Entry, extras: Extras) -> int:
        *first, last = pool
        for delivery in first:
            try:
                return await delivery.deliver(notification, entry, extras)
            except DeliveryError as error:
                if error.reason not in FAIL_OVER:
                    raise
        return await last.deliver(notification, entry, extras)

    def has_delivered(self, channel: str, notification: Notification) -> bool:
        """Whether this is a copy of what was delivered a moment ago."""
        return self._ledger.open(_key(channel, notification)).finished

    def confirm(self, channel: str, notification: Notification) -> None:
        """Alertmanager has heard that it is delivered."""
        self._ledger.confirm(_key(channel, notification))

    def wait(self, channel: str) -> float:
        """Seconds until a robot of the channel may be called; 0 when one may now."""
        return min(delivery.outlet.wait_alone() for delivery in self._pools[channel])


def _key(channel: str, notification: Notification) -> str:
    return f"{channel}\n{notification.key}"
