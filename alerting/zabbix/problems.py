"""Zabbix' open problems, with hosts, tags and what people did about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerting.zabbix.api import Api
from alerting.zabbix.discovery import FINGERPRINT_TAG, SOURCE_TAG

ACKNOWLEDGED, UNACKNOWLEDGED = 2, 16
"""Bits of an update's action."""

CHUNK = 1000
"""Events in one request."""


@dataclass(frozen=True)
class Update:
    """What somebody did about a problem."""

    user_id: str
    person: str
    """Empty when the account may not see who that is: only a super administrator sees everybody."""
    unix_time: int
    action: int
    """Bits, as event.acknowledge takes them."""
    message: str


@dataclass(frozen=True)
class Problem:
    """An open problem."""

    event_id: str
    trigger_id: str
    name: str
    severity: int
    unix_time: int
    acknowledged: bool
    suppressed: bool
    """Within a maintenance, or by a person."""
    tags: tuple[tuple[str, str], ...]
    hosts: tuple[tuple[str, str], ...]
    """Technical and visible names."""
    groups: tuple[str, ...]
    updates: tuple[Update, ...]
    """The newest first."""

    @property
    def fingerprint(self) -> str | None:
        """Of the alert that it stands for; None for a problem of Zabbix' own."""
        tags = dict(self.tags)
        return tags.get(FINGERPRINT_TAG) if SOURCE_TAG in self.tags else None

    @property
    def last_change(self) -> Update | None:
        """Who acknowledged it, or took that back, last."""
        return next((one for one in self.updates if one.action & (ACKNOWLEDGED | UNACKNOWLEDGED)), None)


async def open_problems(api: Api) -> list[Problem]:
    """Every open problem of a trigger that the account may see. Raises DeliveryError."""
    found = await api.call("problem.get", {"output": ["eventid"], "source": 0, "object": 0, "recent": False})
    event_ids = [one["eventid"] for one in found]
    events = [
        event
        for start in range(0, len(event_ids), CHUNK)
        for event in await _events(api, event_ids[start : start + CHUNK])
    ]
    groups = await _groups(api, {host["hostid"] for event in events for host in event["hosts"]})
    return [_problem(event, groups) for event in events]


async def _events(api: Api, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    updates = "selectAcknowledges" if await api.version() >= (7, 0) else "select_acknowledges"
    fields = ["eventid", "objectid", "name", "severity", "clock", "acknowledged", "suppressed"]
    question = {
        "eventids": event_ids,
        "output": fields,
        "selectTags": "extend",
        "selectHosts": ["hostid", "host", "name"],
        updates: "extend",
    }
    events: list[dict[str, Any]] = await api.call("event.get", question)
    return [{**event, "acknowledges": event.get("acknowledges", [])} for event in events]


async def _groups(api: Api, host_ids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Names of host groups by host."""
    select = "selectHostGroups" if await api.version() >= (6, 2) else "selectGroups"
    hosts = await api.call("host.get", {"hostids": sorted(host_ids), "output": ["hostid"], select: ["name"]})
    return {
        host["hostid"]: tuple(group["name"] for group in host.get("hostgroups", host.get("groups", [])))
        for host in hosts
    }


def _problem(event: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> Problem:
    host_groups = {group for host in event["hosts"] for group in groups.get(host["hostid"], ())}
    updates = sorted(event["acknowledges"], key=lambda one: int(one["acknowledgeid"]), reverse=True)
    return Problem(
        event_id=event["eventid"],
        trigger_id=event["objectid"],
        name=event["name"],
        severity=int(event["severity"]),
        unix_time=int(event["clock"]),
        acknowledged=event["acknowledged"] == "1",
        suppressed=event["suppressed"] == "1",
        tags=tuple(sorted((tag["tag"], tag["value"]) for tag in event["tags"])),
        hosts=tuple(sorted((host["host"], host["name"]) for host in event["hosts"])),
        groups=tuple(sorted(host_groups)),
        updates=tuple(_update(one) for one in updates),
    )


def _update(fields: Mapping[str, Any]) -> Update:
    names = [fields.get("name") or "", fields.get("surname") or ""]
    person = " ".join(name for name in names if name) or fields.get("username") or ""
    return Update(fields["userid"], person, int(fields["clock"]), int(fields["action"]), fields["message"])
