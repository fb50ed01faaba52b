"""What the demo's front page shows, asked of the servers that know: what is not known is said to be unknown."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import aiohttp

from alerting.payload import SEVERITIES
from demo.observer import Observer
from demo.pipeline import Pipeline
from exporters.cluster.simulator import Replica
from tapwatch import catalogue

Health = Literal["up", "down", "unknown"]

_SHOWN_MESSAGES = 5
_ABOUT = ("dispenser", "gateway", "endpoint", "cluster", "site", "robot", "job", "instance")
"""The labels that say what an alert is about, the most telling first."""
_READINGS = "|".join(
    metric.name
    for metric in (
        catalogue.DISPENSER_UP,
        catalogue.DISPENSER_DOWN_INFO,
        catalogue.DISPENSER_FAULT,
        catalogue.DISPENSER_WATER_TEMPERATURE,
    )
)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ShownDispenser:
    """One dispenser, as Prometheus knows it."""

    name: str
    site: str
    place: str
    health: Health
    reason: str
    """Why it cannot be read; empty when it can."""
    hot_celsius: float | None
    faults: Sequence[str]
    """What the device itself says is wrong."""
    injected: Sequence[str]
    """What was broken on purpose; some of it the device does not notice."""


@dataclass(frozen=True)
class ShownReplica:
    """One simulated API server."""

    number: int
    url: str
    state: Literal["runs", "hangs", "is dead"]


@dataclass(frozen=True)
class ShownAlert:
    """One alert, pending or firing."""

    name: str
    about: str
    state: str
    severity: str
    summary: str
    description: str
    since: float
    """Unix time."""
    runbook: str
    dashboard: str


@dataclass(frozen=True)
class ShownMessage:
    """One message in the group chat."""

    time: float
    title: str
    accepted: bool


@dataclass(frozen=True)
class ShownProcess:
    """One process of the demo."""

    name: str
    running: bool


@dataclass(frozen=True)
class State:
    """Everything on the page; None where nobody could be asked."""

    trouble: Sequence[str]
    """Who did not answer, as sentences."""
    targets: int | None
    targets_up: int | None
    alerts: Sequence[ShownAlert] | None
    dispensers: Sequence[ShownDispenser] | None
    replicas: Sequence[ShownReplica]
    delivered: int | None
    refused: int | None
    messages: Sequence[ShownMessage]
    processes: Sequence[ShownProcess]


async def look(pipeline: Pipeline, observer: Observer) -> State:
    """Ask everybody at once; whoever does not answer leaves a gap and a sentence."""
    trouble: list[str] = []

    async def ask(who: str, answer: Awaitable[Answer]) -> Answer | None:
        try:
            return await answer
        except (aiohttp.ClientError, TimeoutError) as error:
            trouble.append(f"{who} does not answer: {error or type(error).__name__}")
            return None

    simulated = pipeline.options.inventory is None
    targets, alerts, readings, messages, campus = await asyncio.gather(
        ask("Prometheus", observer.targets()),
        ask("Prometheus", observer.alerts()),
        ask("Prometheus", observer.query(f'{{__name__=~"{_READINGS}",dispenser!=""}}')),
        ask("The group chat", observer.messages()),
        ask("The campus", observer.campus()) if simulated else _nothing(),
    )
    known = campus if simulated else [one.model_dump() for one in pipeline.inventory]
    return State(
        trouble=sorted(set(trouble)),
        targets=None if targets is None else len(targets),
        targets_up=None if targets is None else sum(one["health"] == "up" for one in targets),
        alerts=None if alerts is None else show_alerts(alerts, dashboards=pipeline.has_dashboards),
        dispensers=None if known is None else show_dispensers(known, readings or ()),
        replicas=[_show_replica(*pair) for pair in enumerate(pipeline.replicas, 1)],
        delivered=None if messages is None else sum(one["accepted"] for one in messages),
        refused=None if messages is None else sum(not one["accepted"] for one in messages),
        messages=[_show_message(one) for one in reversed((messages or [])[-_SHOWN_MESSAGES:])],
        processes=[ShownProcess(child.name, child.running) for child in pipeline.children],
    )


async def _nothing() -> None:
    return None


def show_alerts(alerts: Iterable[Mapping[str, Any]], *, dashboards: bool) -> list[ShownAlert]:
    """Sort what Prometheus has, firing before pending, the worst first; what fires always is left out.

    Links to dashboards are left out when there are none.
    """
    shown = [_show_alert(one, dashboards=dashboards) for one in alerts if one["labels"]["alertname"] != "Watchdog"]
    return sorted(shown, key=lambda one: (one.state != "firing", _rank(one.severity), one.since, one.about))


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _show_alert(alert: Mapping[str, Any], *, dashboards: bool) -> ShownAlert:
    labels, words = alert["labels"], alert["annotations"]
    about = next((labels[name] for name in _ABOUT if labels.get(name)), "")
    return ShownAlert(
        name=labels["alertname"],
        about=about,
        state=alert["state"],
        severity=labels.get("severity", ""),
        summary=words.get("summary", labels["alertname"]),
        description=words.get("description", ""),
        since=datetime.fromisoformat(alert["activeAt"]).timestamp(),
        runbook=words.get("runbook_url", ""),
        dashboard=words.get("dashboard_url", "") if dashboards else "",
    )


def show_dispensers(known: Iterable[Mapping[str, Any]], readings: Iterable[Mapping[str, Any]]) -> list[ShownDispenser]:
    """Join the dispensers there are with what Prometheus has read of them, in the order of the inventory."""
    read: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in readings:
        read[one["metric"]["dispenser"]].append(one)
    return [_show_dispenser(one, read[one["name"]]) for one in known]


def _show_dispenser(one: Mapping[str, Any], readings: Iterable[Mapping[str, Any]]) -> ShownDispenser:
    health: Health = "unknown"
    reason, hot, faults = "", None, []
    for reading in readings:
        labels, value = reading["metric"], float(reading["value"][1])
        match labels["__name__"]:
            case catalogue.DISPENSER_UP.name:
                health = "up" if value else "down"
            case catalogue.DISPENSER_DOWN_INFO.name:
                reason = labels["reason"]
            case catalogue.DISPENSER_FAULT.name if value:
                faults.append(labels["fault"])
            case catalogue.DISPENSER_WATER_TEMPERATURE.name if labels.get("outlet") == "hot":
                hot = value
    place = " · ".join(filter(None, (one.get("building"), one.get("floor") and f"floor {one['floor']}")))
    return ShownDispenser(one["name"], one["site"], place, health, reason, hot, sorted(faults), one.get("faults", ()))


def _show_replica(number: int, replica: Replica) -> ShownReplica:
    if not replica.running:
        return ShownReplica(number, replica.url, "is dead")
    return ShownReplica(number, replica.url, "hangs" if replica.hung else "runs")


def _show_message(message: Mapping[str, Any]) -> ShownMessage:
    return ShownMessage(message["time"], message["title"] or message["text"][:200], message["accepted"])
