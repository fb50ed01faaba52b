"""Zabbix and Alertmanager compared, and brought into step: what forwards, acknowledges and repairs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from alerting.zabbix import acknowledge, forward, reconcile
from alerting.zabbix.acknowledge import Acknowledge, EndSilence, MakeSilence, Step, Unacknowledge
from alerting.zabbix.alertmanager import ActiveAlert, Alertmanager
from alerting.zabbix.api import Api
from alerting.zabbix.delivery import Delivery, News
from alerting.zabbix.discovery import row
from alerting.zabbix.metrics import BridgeMetrics
from alerting.zabbix.problems import ACKNOWLEDGED, UNACKNOWLEDGED, Problem, open_problems
from alerting.zabbix.reconcile import Differences
from alerting.zabbix.settings import ZabbixSettings
from alerting.zabbix.subject import STACK, of_labels

log = structlog.get_logger()

LIVES_INTERVALS = 4
"""An alert that is not posted again ends by itself after so many intervals: the bridge may miss three."""

_MESSAGE = 4
"""The bit of an update that carries words."""


@dataclass
class Comparison:
    """One Zabbix beside one cluster of Alertmanagers."""

    settings: ZabbixSettings
    api: Api
    alertmanager: Alertmanager
    delivery: Delivery
    metrics: BridgeMetrics
    clock: Callable[[], float]
    _forwarded: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _persons: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._missing = Differences(self.settings.settle, self.clock)
        self._orphans = Differences(self.settings.settle, self.clock)

    def note_person(self, event_id: str, person: str) -> None:
        """Zabbix told who did something about an event."""
        self._persons[event_id] = person

    async def run(self) -> None:
        """Compare once, and act. Raises DeliveryError; the next comparison does what this one did not."""
        problems = await open_problems(self.api)
        await self._forward(problems)
        alerts = await self.alertmanager.alerts()
        await self._acknowledge(problems, alerts)
        await self._repair(problems, alerts)

    async def _forward(self, problems: Sequence[Problem]) -> None:
        now = datetime.now(UTC)
        lifetime = timedelta(seconds=self.settings.interval * LIVES_INTERVALS)
        web = self.settings.api_url.removesuffix("/api_jsonrpc.php")
        current = forward.alerts(problems, now, lifetime, web, self.settings.team)
        alive = [alert["labels"] for alert in current.values()]
        over = [
            forward.ended(alert, now)
            for event, alert in self._forwarded.items()
            if event not in current and alert["labels"] not in alive
        ]
        if posts := [*current.values(), *over]:
            await self.alertmanager.post(posts)
        self._forwarded = current
        self.metrics.show_forwarded(len(current))

    async def _acknowledge(self, problems: Sequence[Problem], alerts: Sequence[ActiveAlert]) -> None:
        silences = await self.alertmanager.silences()
        by_fingerprint = {alert.fingerprint: alert for alert in alerts}
        by_event = {alert.annotations.get(forward.EVENT_ANNOTATION): alert for alert in alerts}
        pairs = [
            (problem, alert)
            for problem in problems
            if (alert := by_fingerprint.get(problem.fingerprint or "") or by_event.get(problem.event_id))
        ]
        self._persons = {one.event_id: self._persons[one.event_id] for one in problems if one.event_id in self._persons}
        zabbix = acknowledge.Zabbix(await self.api.user_id(), self._persons, time.time())
        found: list[Step] = [
            *acknowledge.steps(pairs, silences, zabbix),
            *acknowledge.leftovers(silences, (problem.event_id for problem in problems)),
        ]
        for step in found:
            await self._take(step)

    async def _take(self, step: Step) -> None:
        match step:
            case MakeSilence(problem, alert, person, comment):
                await self.alertmanager.silence(alert.labels, self.settings.silence, person, comment)
                log.info("silence.made", zabbix_event=problem.event_id, person=person)
                self.metrics.count_step("alertmanager")
            case EndSilence(silence_id):
                await self.alertmanager.expire(silence_id)
                log.info("silence.ended", silence=silence_id)
                self.metrics.count_step("alertmanager")
            case Acknowledge(event_id, message):
                await self._update(event_id, ACKNOWLEDGED, message)
            case Unacknowledge(event_id, message):
                await self._update(event_id, UNACKNOWLEDGED, message)

    async def _update(self, event_id: str, action: int, message: str) -> None:
        update = {"eventids": [event_id], "action": action | _MESSAGE, "message": message}
        await self.api.call("event.acknowledge", update)
        log.info("problem.updated", zabbix_event=event_id, acknowledged=action == ACKNOWLEDGED)
        self.metrics.count_step("zabbix")

    async def _repair(self, problems: Sequence[Problem], alerts: Sequence[ActiveAlert]) -> None:
        fingerprints = {problem.fingerprint for problem in problems if problem.fingerprint}
        missing = reconcile.missing(alerts, self.settings.receiver, fingerprints)
        lost = self._missing.settled(list(missing))
        orphans = self._orphans.settled(reconcile.orphans(alerts, fingerprints))
        for kind, found in (("missing", lost), ("orphan", orphans)):
            if found:
                log.warning("difference.repaired", kind=kind, fingerprints=found[:10], alerts=len(found))
                self.metrics.count_repair(kind, len(found))
        severities = self.settings.severities
        told = [
            News(one, firing=True, subject=of_labels(missing[one].labels), row=row(missing[one], severities))
            for one in lost
        ]
        await self.delivery.deliver([*told, *(News(one, firing=False, subject=STACK, row={}) for one in orphans)])
