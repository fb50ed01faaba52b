"""Alertmanager's payloads for tests."""

import json
from collections.abc import Mapping
from typing import Any


def alert(
    name: str = "DispenserLeak",
    status: str = "firing",
    *,
    fingerprint: str = "f1",
    annotations: Mapping[str, str] | None = None,
    **labels: str,
) -> dict[str, Any]:
    """One alert as Alertmanager posts it; starts at 10:31 UTC, and when resolved ends at 10:42:10."""
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "dispenser": "lib-1f-east", "site": "main-campus"}
        | labels,
        "annotations": {
            "summary": "A dispenser leaks",
            "description": "It reports water where there should be none.",
            "runbook_url": "https://example.org/runbooks/DispenserLeak.md",
            **(annotations or {}),
        },
        "startsAt": "2026-11-21T10:31:00Z",
        "endsAt": "2026-11-21T10:42:10Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": fingerprint,
    }


def payload(*alerts: dict[str, Any], truncated: int = 0, group: str = "g") -> dict[str, Any]:
    """A notification of version 4."""
    found = list(alerts) or [alert()]
    return {
        "version": "4",
        "groupKey": group,
        "truncatedAlerts": truncated,
        "status": "firing" if any(one["status"] == "firing" for one in found) else "resolved",
        "receiver": "dingtalk\\-ops",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": found,
    }


def body(*alerts: dict[str, Any], truncated: int = 0, group: str = "g") -> bytes:
    """The same as it comes over the wire."""
    return json.dumps(payload(*alerts, truncated=truncated, group=group)).encode()
