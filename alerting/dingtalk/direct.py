"""Delivery while Alertmanager waits for the answer: without an outbox, and when the outbox is out of order."""

from collections.abc import Callable, Mapping, Sequence

from alerting.dingtalk.delivery import FAIL_OVER, Delivery
from alerting.dingtalk.ledger import Entry, Ledger
from alerting.dingtalk.payload import Notification
from tapwatch.errors import DeliveryError


class DirectDelivery:
    """The robots' deliveries, with what this process remembers of them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back."""
        self._ledger = Ledger(clock)
        self._pools: Mapping[str, Sequence[Delivery]] = {}

    def use(self, pools: Mapping[str, Sequence[Delivery]]) -> None:
        """From now on deliver by these robots: by channel, in the order in which they stand in."""
        self._pools = pools

    async def deliver(self, channel: str, notification: Notification) -> int:
        """The number of messages sent, 0 for news that was delivered before; raises DeliveryError."""
        return await self.deliver_entry(channel, notification, self._ledger.open(_key(channel, notification)))

    async def deliver_entry(self, channel: str, notification: Notification, entry: Entry) -> int:
        """As `deliver`, with an entry that the caller keeps."""
        *first, last = self._pools[channel]
        for delivery in first:
            try:
                return await delivery.deliver(notification, entry)
            except DeliveryError as error:
                if error.reason not in FAIL_OVER:
                    raise
        return await last.deliver(notification, entry)

    def confirm(self, channel: str, notification: Notification) -> None:
        """Alertmanager has heard that it is delivered."""
        self._ledger.confirm(_key(channel, notification))

    def wait(self, channel: str) -> float:
        """Seconds until a robot of the channel may be called; 0 when one may now."""
        return min(delivery.outlet.wait() for delivery in self._pools[channel])


def _key(channel: str, notification: Notification) -> str:
    return f"{channel}\n{notification.key}"
