"""Zabbix' own problems as alerts for Alertmanager."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from alerting.zabbix.problems import Problem

SOURCE_LABEL = ("source", "zabbix")
"""On every alert that came from Zabbix: it must not go back there."""
EVENT_ANNOTATION = "zabbix_event"

_SEVERITIES = ("info", "info", "warning", "warning", "critical", "critical")
"""By Zabbix' number: not classified, information, warning, average, high, disaster."""

_OURS = frozenset({"alertname", "severity", "source", "host", "host_group", "instance"})


def alerts(
    problems: Iterable[Problem], now: datetime, lifetime: timedelta, web: str, team: str
) -> dict[str, dict[str, Any]]:
    """Alerts by their problem's event, as Alertmanager's API takes them; each ends by itself after `lifetime`.

    Left out are the problems that came from Alertmanager, and those that Zabbix suppresses. `web` is the address of
    Zabbix' pages.
    """
    return {
        problem.event_id: _alert(problem, now + lifetime, web, team)
        for problem in problems
        if problem.fingerprint is None and not problem.suppressed
    }


def ended(alert: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The same alert, resolved."""
    return {**alert, "endsAt": now.isoformat()}


def labels(problem: Problem, team: str) -> dict[str, str]:
    """Who and what: host, groups, severity, and each tag under its own name where that is free."""
    found = {
        "alertname": problem.name,
        "severity": _SEVERITIES[problem.severity],
        SOURCE_LABEL[0]: SOURCE_LABEL[1],
        "host": ", ".join(name for _, name in problem.hosts),
        "instance": ", ".join(host for host, _ in problem.hosts),
        "host_group": ", ".join(problem.groups),
    }
    values: dict[str, set[str]] = {}
    for tag, value in problem.tags:
        values.setdefault(_label_name(tag), set()).add(value)
    for name, several in values.items():
        found[f"tag_{name}" if name in _OURS else name] = ", ".join(sorted(filter(None, several)))
    found.setdefault("team", team)
    return {name: value for name, value in found.items() if value}


def _label_name(tag: str) -> str:
    name = re.sub(r"[^0-9A-Za-z_]", "_", tag)
    return f"_{name}" if name[:1].isdigit() or not name else name


def _alert(problem: Problem, ends: datetime, web: str, team: str) -> dict[str, Any]:
    page = f"{web}/tr_events.php?triggerid={problem.trigger_id}&eventid={problem.event_id}"
    hosts = ", ".join(name for _, name in problem.hosts)
    return {
        "labels": labels(problem, team),
        "annotations": {
            "summary": problem.name,
            "description": f"Zabbix reports a problem of {hosts}.",
            "dashboard_url": page,
            EVENT_ANNOTATION: problem.event_id,
        },
        "startsAt": datetime.fromtimestamp(problem.unix_time, UTC).isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": page,
    }
