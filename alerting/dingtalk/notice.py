"""What the bridge itself has to say, as a notification, so that it takes the same way as all others. Pure functions."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from alerting.dingtalk.settings import Language
from alerting.dingtalk.templating import BUILT_IN
from alerting.payload import VERSION, Alert, Notification


@dataclass(frozen=True)
class Notice:
    """One piece of news."""

    name: str
    """Its alert name."""
    about: str
    """What it is about; with the name and the start it is the same news."""
    severity: str
    starts_at: float
    """Unix time."""
    summary: tuple[str, ...]
    """A macro of the language's words, and what it is given."""
    ends_at: float | None = None
    """When it is over; None while it is not."""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def write_notice(notice: Notice, language: Language) -> Notification:
    """The notification in the language of its readers."""
    macro, *arguments = notice.summary
    status = "firing" if notice.ends_at is None else "resolved"
    fingerprint = hashlib.sha256(f"{notice.name} {notice.about}".encode()).hexdigest()[:16]
    alert = {
        "status": status,
        "labels": {"alertname": notice.name, "severity": notice.severity, **notice.labels},
        "annotations": {"summary": BUILT_IN.words(language, macro, *arguments), "description": notice.description},
        "startsAt": _moment(notice.starts_at),
        "endsAt": _moment(notice.ends_at or 0.0),
        "fingerprint": fingerprint,
    }
    return Notification.model_validate(
        {"version": VERSION, "groupKey": f"tapwatch {notice.name} {notice.about}", "status": status, "alerts": [alert]}
    )


def undelivered(alerts: list[Alert], language: Language) -> Notification:
    """Alerts that fired and were never delivered, in one notification of their own."""
    told = [
        alert.model_copy(
            update={
                "fingerprint": f"undelivered {alert.fingerprint}",  # so that this is not taken for their delivery
                "annotations": {
                    **alert.annotations,
                    "summary": BUILT_IN.words(language, "undelivered", alert.annotations.get("summary", "")),
                },
            }
        )
        for alert in alerts
    ]
    return Notification.model_validate(
        {"version": VERSION, "groupKey": "tapwatch undelivered", "status": "firing", "alerts": told}
    )


def _moment(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
