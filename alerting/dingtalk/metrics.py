"""The bridge's metrics, by robot."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry

from alerting.dingtalk.store.dispatch import Delivered
from alerting.dingtalk.store.upkeep import Length
from alerting.payload import SEVERITIES, Notification
from tapwatch import catalogue
from tapwatch.errors import DeliveryReason
from tapwatch.instruments import counter, gauge, histogram

DELIVERED = "delivered"
INVALID = "invalid"
"""A notification that is none."""

NEW, KNOWN = "new", "known"
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_AGE_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)


class BridgeMetrics:
    """What the bridge counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._notifications = counter(catalogue.NOTIFICATIONS, registry)
        self._messages = counter(catalogue.MESSAGES, registry)
        self._alerts = counter(catalogue.NOTIFICATION_ALERTS, registry)
        self._seconds = histogram(catalogue.MESSAGE_SECONDS, registry, _BUCKETS)
        self._blocked_until = gauge(catalogue.ROBOT_BLOCKED_UNTIL, registry)
        self._last_delivery = gauge(catalogue.LAST_DELIVERY, registry)
        self._failing = gauge(catalogue.ROBOT_FAILING, registry)
        self.last_results: dict[str, str] = {}
        """By robot, how its last call went."""

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
        before = self.last_results.get(name, DELIVERED)
        if before not in {DELIVERED, result}:
            self._failing.remove(name, before)
        if result != DELIVERED:
            self._failing.labels(name, result).set(1)
        self.last_results[name] = result
        self._seconds.labels(name).observe(seconds)

    def count_invalid(self, name: str) -> None:
        """Somebody posted what is no notification."""
        self._notifications.labels(name, INVALID).inc()

    def count_failure(self, name: str, reason: DeliveryReason, _robot: str) -> None:
        """A notification was not delivered at this try."""
        self._notifications.labels(name, reason).inc()

    def show_blocked(self, name: str, until: float) -> None:
        """The robot is asked nothing until this Unix time."""
        self._blocked_until.labels(name).set(until)

    def count_delivery(self, name: str, news: Notification | None, now: float) -> None:
        """A notification is delivered; `news` is None when it had been before."""
        self._notifications.labels(name, DELIVERED).inc()
        if news is None:
            return
        self._last_delivery.labels(name).set(now)
        for alert in news.alerts:
            self._alerts.labels(name, alert.status).inc()

    def count_sent(self, name: str, sent: Delivered, now: float) -> None:
        """A notification from the outbox is delivered."""
        self._notifications.labels(name, DELIVERED).inc()
        self._last_delivery.labels(name).set(now)
        self._alerts.labels(name, "firing").inc(sent.firing)
        self._alerts.labels(name, "resolved").inc(sent.resolved)


class OutboxMetrics:
    """What the outbox counts; absent where there is none."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = gauge(catalogue.OUTBOX_UP, registry)
        self._stored = counter(catalogue.NOTIFICATIONS_STORED, registry)
        self._waiting = gauge(catalogue.OUTBOX_NOTIFICATIONS, registry)
        self._age = gauge(catalogue.OUTBOX_AGE, registry)
        self._delivery_age = histogram(catalogue.DELIVERY_AGE, registry, _AGE_BUCKETS)

    def show_robots(self, names: Iterable[str]) -> None:
        """Every series from zero on."""
        for name in names:
            for news in (NEW, KNOWN):
                self._stored.labels(name, news)

    def count_stored(self, name: str, *, known: bool) -> None:
        """A notification is safe."""
        self._stored.labels(name, KNOWN if known else NEW).inc()

    def note_age(self, name: str, severity: str, seconds: float) -> None:
        """A notification is delivered, so long after it came."""
        self._delivery_age.labels(name, severity).observe(seconds)

    def show_store(self, *, up: bool) -> None:
        """How the last transaction went."""
        self._up.set(up)

    def show_lines(self, lengths: Iterable[Length], names: Iterable[str], now: float) -> None:
        """What waits, in every channel, those included that are not in the settings any more."""
        found = {one.channel: one for one in lengths}
        for name in {*names, *found}:
            one = found.get(name)
            self._waiting.labels(name).set(one.notifications if one else 0)
            self._age.labels(name).set(max(now - one.oldest, 0) if one else 0)


class WatchdogMetrics:
    """Of the alerts that fire always."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._heard = gauge(catalogue.WATCHDOG_HEARD, registry)
        self._silent = gauge(catalogue.WATCHDOG_SILENT, registry)

    def show(self, name: str, heard_at: float, *, silent: bool) -> None:
        """How it is with one of them."""
        self._heard.labels(name).set(heard_at)
        self._silent.labels(name).set(silent)


class ReconcilerMetrics:
    """Of the comparison with Alertmanager; absent before the first."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._undelivered = gauge(catalogue.UNDELIVERED_ALERTS, registry)
        self._compared = gauge(catalogue.RECONCILED, registry)
        self._since = gauge(catalogue.RECONCILING_SINCE, registry)

    def switch_on(self, now: float) -> None:
        """Comparisons are wanted from this Unix time on."""
        self._since.set(now)

    def switch_off(self) -> None:
        """Forget both times, as nobody is late with what is not wanted."""
        self._since.set(0)
        self._compared.set(0)

    def show(self, undelivered: Mapping[str, int], now: float) -> None:
        """Alerts by severity."""
        for severity in SEVERITIES:
            self._undelivered.labels(severity).set(undelivered.get(severity, 0))
        self._compared.set(now)
