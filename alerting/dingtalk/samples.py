"""Notifications to try messages out with."""

from typing import Any

from alerting.payload import Notification

_STORM = 60


def sample() -> Notification:
    """A leak, and an outlet that was too hot and is not any more."""
    hot = "g0.expr=dispenser_water_temperature_celsius%7Boutlet%3D%22hot%22%7D+%3E+98.5"
    return _notification(
        _alert("DispenserLeak", "A dispenser leaks", "lib-3f-east", "critical"),
        _alert("DispenserOverheating", "A dispenser is too hot", "gym-1f", "critical", query=hot)
        | {"status": "resolved", "endsAt": "2026-11-21T10:42:10Z"},
    )


def storm() -> Notification:
    """More than one message holds."""
    return _notification(
        *(
            _alert("DispenserUnreachable", "A dispenser does not answer", f"hall-{number:03}", "warning")
            for number in range(_STORM)
        )
    )


def _notification(*alerts: dict[str, Any]) -> Notification:
    return Notification.model_validate(
        {
            "version": "4",
            "groupKey": "sample",
            "status": "firing",
            "receiver": "dingtalk",
            "externalURL": "https://alertmanager.example",
            "alerts": [alert | {"fingerprint": str(number)} for number, alert in enumerate(alerts)],
        }
    )


def _alert(name: str, summary: str, dispenser: str, severity: str, query: str = "") -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {
            "alertname": name,
            "severity": severity,
            "team": "facilities",
            "site": "main-campus",
            "building": "library",
            "floor": "3",
            "dispenser": dispenser,
        },
        "annotations": {
            "summary": summary,
            "description": f"Dispenser {dispenser} at main-campus reports it itself.",
            "runbook_url": f"https://runbooks.example/{name}.md",
            "dashboard_url": "https://grafana.example/d/tapwatch-fleet",
        },
        "startsAt": "2026-11-21T10:31:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"https://prometheus.example/graph?{query}",
    }
