"""The bridge's metrics, by robot."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from alerting.dingtalk.payload import Notification
from tapwatch import catalogue
from tapwatch.errors import DeliveryReason
from tapwatch.instruments import counter, gauge, histogram

DELIVERED = "delivered"
INVALID = "invalid"
"""A notification that is none."""

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class BridgeMetrics:
    """What the bridge counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._notifications = counter(catalogue.NOTIFICATIONS, registry)
        self._messages = counter(catalogue.MESSAGES, registry)
        self._alerts = counter(catalogue.NOTIFICATION_ALERTS, registry)
        self._seconds = histogram(catalogue.MESSAGE_SECONDS, registry, _BUCKETS)
        self._blocked_until = gauge(catalogue.ROBOT_BLOCKED_UNTIL, registry)
        self._last_delivery = gauge(catalogue.LAST_DELIVERY, registry)

    def show_robots(self, names: Iterable[str]) -> None:
        """Every series from zero on: Prometheus sees no increase in a counter that begins with 1."""
        for name in names:
            for result in (DELIVERED, *DeliveryReason):
                self._notifications.labels(name, result)
                self._messages.labels(name, result)
            self._notifications.labels(name, INVALID)
            for status in ("firing", "resolved"):
                self._alerts.labels(name, status)

    def count_call(self, name: str, result: str, seconds: float) -> None:
        """A call of the robot has ended."""
        self._messages.labels(name, result).inc()
        self._seconds.labels(name).observe(seconds)

    def count_invalid(self, name: str) -> None:
        """Somebody posted what is no notification."""
        self._notifications.labels(name, INVALID).inc()

    def count_failure(self, name: str, reason: DeliveryReason, blocked_until: float | None) -> None:
        """A notification was not delivered; `blocked_until` is Unix time."""
        self._notifications.labels(name, reason).inc()
        if blocked_until is not None:
            self._blocked_until.labels(name).set(blocked_until)

    def count_delivery(self, name: str, news: Notification | None, now: float) -> None:
        """A notification is delivered; `news` is None when it had been before."""
        self._notifications.labels(name, DELIVERED).inc()
        if news is None:
            return
        self._last_delivery.labels(name).set(now)
        for alert in news.alerts:
            self._alerts.labels(name, alert.status).inc()
