"""What goes with a message beside its alerts: whose phone rings, buttons, the value now and a chart."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from alerting.dingtalk.buttons import Signer
from alerting.dingtalk.charts import NOTHING, Charts
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.message import Extras, Mention
from alerting.dingtalk.people import NOBODY, People, Team
from alerting.dingtalk.plan import Batch
from alerting.dingtalk.rota import rung
from alerting.payload import Alert, Notification


class Attendance:
    """The extras of every message."""

    def __init__(self, clocks: Clocks) -> None:
        self.people: People = NOBODY
        self.signer: Signer | None = None
        """None without buttons."""
        self.charts: Charts | None = None
        """None without pictures."""
        self.time_zones: Mapping[str, str] = {}
        """By robot."""
        self._clocks = clocks

    def ring(self, notifications: Iterable[tuple[Notification, int]]) -> Extras:
        """Whose phones ring for these, each with its level; looked up at the moment of sending."""
        now = datetime.fromtimestamp(self._clocks.unix(), UTC)
        keys: dict[str, None] = {}
        waited = 0.0
        for notification, level in notifications:
            for team in _teams(self.people.teams, notification.alerts):
                keys |= dict.fromkeys(rung(self.people, team, level, now))
                waited = max(waited, team.escalate_after * level)
        return Extras([self._mention(key) for key in keys], escalated_minutes=round(waited / 60))

    async def attend(self, batch: Batch) -> Extras:
        """All of it; what cannot be had in time is left out."""
        found = self.ring((one.notification, one.level) for one in batch.notifications)
        if batch.digest:
            return found
        (one,) = batch.notifications
        if one.told or one.notification.status == "resolved":
            return found
        buttons: Sequence[tuple[str, str]] = ()
        if self.signer is not None and one.incident is not None:
            buttons = self.signer.buttons(one.incident, self._clocks.unix())
        picture, values = (
            NOTHING
            if self.charts is None
            else await self.charts.show(one.notification, self.time_zones.get(batch.robot, "UTC"))
        )
        return Extras(found.mentions, buttons, picture, values, found.escalated_minutes)

    def _mention(self, key: str) -> Mention:
        person = self.people.people[key]
        mobile = "" if person.mobile is None else person.mobile.get_secret_value()
        return Mention(person.name, mobile, person.user_id)


def _teams(teams: Mapping[str, Team], alerts: Iterable[Alert]) -> list[Team]:
    """Those whose firing alerts are bad enough to ring; nobody is rung for good news."""
    names = dict.fromkeys(
        name
        for alert in alerts
        if alert.firing and (name := alert.labels.get("team", "")) in teams and alert.severity in teams[name].severities
    )
    return [teams[name] for name in names]
