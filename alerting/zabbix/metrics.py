"""The bridge's metrics."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from alerting.payload import Alert
from tapwatch import catalogue
from tapwatch.errors import DeliveryReason
from tapwatch.instruments import counter, gauge, histogram

TAKEN = "taken"
INVALID = "invalid"
"""What was posted is not what is posted here."""

_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45, 90)


class BridgeMetrics:
    """What the bridge counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Every series from zero on: Prometheus sees no increase in a counter that begins with 1."""
        self._notifications = counter(catalogue.ZABBIX_NOTIFICATIONS, registry)
        self._values = counter(catalogue.ZABBIX_VALUES, registry)
        self._alerts = counter(catalogue.ZABBIX_ALERTS, registry)
        self._seconds = histogram(catalogue.ZABBIX_NOTIFICATION_SECONDS, registry, _BUCKETS)
        self._last_delivery = gauge(catalogue.ZABBIX_LAST_DELIVERY, registry)
        self._events = counter(catalogue.ZABBIX_EVENTS, registry)
        self._comparisons = counter(catalogue.ZABBIX_COMPARISONS, registry)
        self._last_comparison = gauge(catalogue.ZABBIX_LAST_COMPARISON, registry)
        self._forwarded = gauge(catalogue.ZABBIX_PROBLEMS_FORWARDED, registry)
        self._steps = counter(catalogue.ZABBIX_ACKNOWLEDGEMENTS, registry)
        self._repaired = counter(catalogue.ZABBIX_REPAIRS, registry)
        self._crashes = counter(catalogue.ZABBIX_CRASHES, registry)
        for result in (TAKEN, *DeliveryReason):
            for one in (self._notifications, self._values, self._events, self._comparisons):
                one.labels(result)
        for counted in (self._notifications, self._events):
            counted.labels(INVALID)
        for status in ("firing", "resolved"):
            self._alerts.labels(status)
        for target in ("zabbix", "alertmanager"):
            self._steps.labels(target)
        for kind in ("missing", "orphan"):
            self._repaired.labels(kind)

    def count_values(self, result: str, values: int) -> None:
        """So many values had this result."""
        self._values.labels(result).inc(values)

    def count_notification(self, result: str, seconds: float) -> None:
        """A notification ended: taken, or with a reason."""
        self._notifications.labels(result).inc()
        self._seconds.observe(seconds)

    def count_invalid(self) -> None:
        """Somebody posted what is no notification."""
        self._notifications.labels(INVALID).inc()

    def count_alerts(self, alerts: Iterable[Alert], now: float) -> None:
        """Zabbix has taken these."""
        self._last_delivery.set(now)
        for alert in alerts:
            self._alerts.labels(alert.status).inc()

    def count_event(self, result: str) -> None:
        """Zabbix told of a problem."""
        self._events.labels(result).inc()

    def count_comparison(self, result: str, now: float) -> None:
        """Both sides were compared, or could not be."""
        self._comparisons.labels(result).inc()
        if result == TAKEN:
            self._last_comparison.set(now)

    def show_forwarded(self, problems: int) -> None:
        """So many of Zabbix' problems are kept alive in Alertmanager."""
        self._forwarded.set(problems)

    def count_step(self, target: str) -> None:
        """An acknowledgement or a silence was carried over to `target`."""
        self._steps.labels(target).inc()

    def count_crash(self) -> None:
        """A fault of our own was survived."""
        self._crashes.inc()

    def count_repair(self, kind: str, alerts: int) -> None:
        """So many alerts were told again."""
        self._repaired.labels(kind).inc(alerts)
