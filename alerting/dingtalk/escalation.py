"""What nobody has acknowledged in time is told again, to the next level, once."""

import asyncio
import contextlib

import structlog

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.people import NOBODY, People
from alerting.dingtalk.reception import Reception
from alerting.dingtalk.store import incident, intake
from alerting.dingtalk.store.incident import Incident
from tapwatch.errors import StoreError

log = structlog.get_logger()

ROUND_SECONDS = 1.0


def is_due(found: Incident, people: People, now: float) -> bool:
    """Whether the next level of any team concerned is to be rung by now."""
    names = {
        alert.labels.get("team", "")
        for alert in found.notification.alerts
        if alert.firing
        and (team := people.teams.get(alert.labels.get("team", ""))) is not None
        and alert.severity in team.severities
    }
    return any(
        found.level + 1 < len(people.teams[name].levels)
        and now - found.opened_at >= people.teams[name].escalate_after * (found.level + 1)
        for name in names
    )


class Escalation:
    """Looks after the incidents; every replica does, and one of them acts."""

    def __init__(self, reception: Reception, clocks: Clocks) -> None:
        self.people: People = NOBODY
        self._reception = reception
        self._clocks = clocks

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if self.people.teams and self._reception.outbox is not None:
                with contextlib.suppress(StoreError):  # said and counted by the database
                    await self._look()
            await asyncio.sleep(ROUND_SECONDS)

    async def _look(self) -> None:
        outbox = self._reception.outbox
        if outbox is None:
            return
        now = self._clocks.unix()
        for found in await outbox.database.run(incident.unacknowledged):
            if not is_due(found, self.people, now):
                continue
            number = await outbox.database.run(lambda store, found=found: intake.escalate(store, found, now))  # type: ignore[misc]  # a default binds it
            if number is not None:
                log.warning("incident.escalated", incident=found.number, level=found.level + 1, notification=number)
                outbox.ring(found.channel)
