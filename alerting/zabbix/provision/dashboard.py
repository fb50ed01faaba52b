"""Zabbix' dashboard of what Tapwatch told it."""

from typing import Any

from alerting.zabbix.api import Api, Version
from alerting.zabbix.discovery import SOURCE_TAG
from alerting.zabbix.provision.change import Plan
from alerting.zabbix.provision.upkeep import make_or_mend
from alerting.zabbix.subject import ROOT_GROUP

DASHBOARD = "Tapwatch"

_INTEGER, _TEXT, _GROUP = 0, 1, 2
_EQUALS = 1
_PUBLIC = 0
"""Everybody may see it."""


def plan(api: Api, version: Version) -> Plan:
    """The dashboard, as wide as this version's grid."""
    groups = api.call_now("hostgroup.get", {"output": ["groupid", "name"], "filter": {"name": ROOT_GROUP}})
    group = groups[0]["groupid"] if groups else ""
    wide = version >= (7, 0)
    columns, rows = (72, 10) if wide else (24, 10)
    widgets = [
        _widget(
            "problems", "Alerts", (0, 0, columns, rows), [*_tag_fields(wide=wide), _field(_INTEGER, "show_lines", 100)]
        ),
        _widget("problemsbysv", "By severity", (0, rows, columns, 4), [_group_field(group, wide=wide)]),
    ]
    wanted = {"name": DASHBOARD, "private": _PUBLIC, "pages": [{"widgets": widgets}]}
    question = {"output": "extend", "selectPages": "extend", "filter": {"name": DASHBOARD}}
    yield from make_or_mend(api, ("dashboard", "dashboardid", "dashboard"), question, wanted)


def _widget(kind: str, name: str, place: tuple[int, int, int, int], fields: list[dict[str, Any]]) -> dict[str, Any]:
    x, y, width, height = place
    return {"type": kind, "name": name, "x": x, "y": y, "width": width, "height": height, "fields": fields}


def _tag_fields(*, wide: bool) -> list[dict[str, Any]]:
    """Only what came from Alertmanager; 7.0 writes the position before the part."""
    parts = (("tag", _TEXT, SOURCE_TAG[0]), ("operator", _INTEGER, _EQUALS), ("value", _TEXT, SOURCE_TAG[1]))
    names = {part: f"tags.0.{part}" if wide else f"tags.{part}.0" for part, _, _ in parts}
    return [_field(kind, names[part], value) for part, kind, value in parts]


def _group_field(group: str, *, wide: bool) -> dict[str, Any]:
    return _field(_GROUP, "groupids.0" if wide else "groupids", group)


def _field(kind: int, name: str, value: object) -> dict[str, Any]:
    return {"type": kind, "name": name, "value": value}
