"""What Alertmanager posts (webhook payload, version 4) and takes: notifications, alerts and silences."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

VERSION = "4"

_YEARS = range(1970, 9000)
"""Outside of these a moment cannot be told in every time zone."""

SEVERITIES = ("critical", "warning", "info")


def _tellable(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError("is no time at which an alert could have started")
    return moment


class _Payload(BaseModel):
    """Others' payloads may hold more than we read."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Alert(_Payload):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = Field(default_factory=dict)
    starts_at: Annotated[AwareDatetime, AfterValidator(_tellable), Field(alias="startsAt")]
    ends_at: Annotated[AwareDatetime, Field(alias="endsAt")] = datetime.min.replace(tzinfo=UTC)
    """Year 1 while the alert fires."""
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    fingerprint: Annotated[str, Field(min_length=1)]

    @property
    def severity(self) -> str:
        """critical, warning or info; whatever else the label says, or nothing, counts as warning."""
        label = self.labels.get("severity", "")
        return label if label in SEVERITIES else "warning"

    @property
    def firing(self) -> bool:
        """Its own state; the group's would mislead."""
        return self.status == "firing"

    @property
    def rank(self) -> tuple[bool, int, datetime, str]:
        """Sorts the worst first: firing before resolved, by severity, the oldest first; never undecided."""
        return not self.firing, SEVERITIES.index(self.severity), self.starts_at, self.fingerprint


class Notification(_Payload):
    """What Alertmanager posts: the alerts of one group."""

    version: str
    group_key: Annotated[str, Field(alias="groupKey")]
    status: Literal["firing", "resolved"]
    receiver: str = ""
    group_labels: Annotated[Mapping[str, str], Field(alias="groupLabels")] = Field(default_factory=dict)
    external_url: Annotated[str, Field(alias="externalURL")] = ""
    truncated_alerts: Annotated[int, Field(alias="truncatedAlerts", ge=0)] = 0
    alerts: list[Alert]

    @cached_property
    def worst_first(self) -> list[Alert]:
        """The alerts in the order in which people should read of them, the same at every try."""
        return sorted(self.alerts, key=lambda alert: alert.rank)

    def is_critical(self, told: int = 0) -> bool:
        """Whether somebody is to be woken by the alerts but the worst `told`; good news can wait."""
        worst = self.worst_first[told]
        return worst.firing and worst.severity == "critical"

    @cached_property
    def fingerprints(self) -> frozenset[str]:
        """Of all alerts."""
        return frozenset(alert.fingerprint for alert in self.alerts)

    @property
    def key(self) -> str:
        """The same for every try to deliver the same news, whichever Alertmanager sends it."""
        states = sorted(f"{one.fingerprint} {one.status} {one.starts_at.isoformat()}" for one in self.alerts)
        return "\n".join([self.group_key, *states])


def parse_notification(body: bytes) -> Notification:
    """Read a payload; raises ValueError with a sentence that says what is wrong and where."""
    try:
        notification = Notification.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"not Alertmanager's webhook payload: {place or 'the body'}: {first['msg']}") from None
    if notification.version != VERSION:
        raise ValueError(f"the payload is of version {notification.version!r}; Tapwatch reads version {VERSION!r}")
    if not notification.alerts:
        raise ValueError("the notification holds no alerts")
    return notification


def silence_of(
    labels: Mapping[str, str], period: tuple[datetime, datetime], words: tuple[str, str]
) -> dict[str, object]:
    """A silence of the alerts with exactly these labels, for Alertmanager's API v2.

    `period` is from when to when, `words` are the person and the comment.
    """
    starts, ends = period
    person, comment = words
    return {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in sorted(labels.items())
        ],
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
        "createdBy": person,
        "comment": comment,
    }
