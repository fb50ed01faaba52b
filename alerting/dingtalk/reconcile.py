"""Proof of delivery: what Alertmanager has active must stand in the ledger as delivered, or people are told so."""

import asyncio
import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import aiohttp
import structlog

from alerting.dingtalk.alertmanager import active_alerts
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.metrics import ReconcilerMetrics
from alerting.dingtalk.notice import undelivered
from alerting.dingtalk.reception import Reception
from alerting.dingtalk.settings import ReconcileSettings
from alerting.dingtalk.store import upkeep
from alerting.payload import Alert
from tapwatch.errors import PollError, StoreError

log = structlog.get_logger()

IDLE_SECONDS = 1.0
_SLACK_SECONDS = 60.0
"""Clocks of Prometheus and of the bridge may differ."""


class Sightings:
    """Since when each alert has been active in every look."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def note(self, alerts: Iterable[Alert], now: float) -> None:
        """Another look; an alert that was silenced or resolved meanwhile counts anew."""
        self._since = {alert.fingerprint: self._since.get(alert.fingerprint, now) for alert in alerts}

    def overdue(self, alerts: Iterable[Alert], delivered: Mapping[str, float], before: float) -> list[Alert]:
        """The alerts, active since before that time, of which nobody was told since they fired, the worst first.

        `delivered` has the last delivery by fingerprint.
        """
        return sorted(
            (
                alert
                for alert in alerts
                if self._since[alert.fingerprint] <= before
                and delivered.get(alert.fingerprint, 0.0) < alert.starts_at.timestamp() - _SLACK_SECONDS
            ),
            key=lambda alert: alert.rank,
        )


class Reconciler:
    """Compares, again and again."""

    def __init__(self, reception: Reception, clocks: Clocks, metrics: ReconcilerMetrics) -> None:
        self._reception = reception
        self._clocks = clocks
        self._metrics = metrics
        self._settings: ReconcileSettings | None = None
        self._alertmanagers: Sequence[str] = ()
        self._sightings = Sightings()
        self._told: set[tuple[str, float]] = set()

    def use(self, settings: ReconcileSettings | None, alertmanagers: Sequence[str]) -> None:
        """From now on compare so; None for not at all."""
        if settings is None:
            self._metrics.switch_off()
        elif self._settings is None:
            self._metrics.switch_on(self._clocks.unix())
        self._settings, self._alertmanagers = settings, alertmanagers

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Compare until cancelled."""
        while True:
            settings = self._settings
            if settings is not None:
                await self._compare(session, settings)
            await asyncio.sleep(settings.every if settings else IDLE_SECONDS)

    async def _compare(self, session: aiohttp.ClientSession, settings: ReconcileSettings) -> None:
        outbox = self._reception.outbox
        active = await self._active(session, settings)
        if active is None or outbox is None:
            return
        now = self._clocks.unix()
        self._sightings.note(active, now)
        fingerprints = [alert.fingerprint for alert in active]
        try:
            delivered = await outbox.database.run(lambda store: upkeep.last_told(store, fingerprints))
        except StoreError:
            return  # said and counted by the database
        overdue = self._sightings.overdue(active, delivered, now - settings.after)
        self._metrics.show(Counter(alert.severity for alert in overdue), now)
        await self._tell(overdue, settings)

    async def _active(self, session: aiohttp.ClientSession, settings: ReconcileSettings) -> list[Alert] | None:
        """What any of the Alertmanagers has; None when none answers."""
        found: dict[str, Alert] = {}
        answered = False
        for url in self._alertmanagers:
            try:
                alerts = await active_alerts(session, url, settings.receivers, "|".join(settings.severities))
            except PollError as error:
                log.warning("reconcile.failed", alertmanager=url, reason=error.reason, error=str(error))
                continue
            answered = True
            found |= {alert.fingerprint: alert for alert in alerts}
        return list(found.values()) if answered else None

    async def _tell(self, overdue: Sequence[Alert], settings: ReconcileSettings) -> None:
        """Each alert once, through other robots than its own."""
        new = [alert for alert in overdue if _episode(alert) not in self._told]
        if not new:
            return
        log.error("alerts.undelivered", alerts=len(overdue), names=sorted({one.labels["alertname"] for one in new}))
        write = functools.partial(undelivered, new)
        if all([await self._reception.announce(channel, write) for channel in settings.tell]):
            self._told = {_episode(alert) for alert in overdue}


def _episode(alert: Alert) -> tuple[str, float]:
    return alert.fingerprint, alert.starts_at.timestamp()
