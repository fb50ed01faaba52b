"""The templates: discovery by fingerprint for every host, and the watch on the bridge itself."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from alerting.zabbix.api import Api, Version
from alerting.zabbix.discovery import DISCOVERY_KEY, FINGERPRINT_TAG, HEARTBEAT_KEY, SOURCE_TAG, TAG_LABELS
from alerting.zabbix.hosts import ALERTS_TEMPLATE
from alerting.zabbix.provision.change import Change, Plan

BRIDGE_TEMPLATE = "Tapwatch bridge"
TEMPLATE_GROUP = "Templates/Tapwatch"

_SEVERITIES = ("NOT_CLASSIFIED", "INFO", "WARNING", "AVERAGE", "HIGH", "DISASTER")
_TAGS = {
    **dict([SOURCE_TAG]),
    FINGERPRINT_TAG: "{#FINGERPRINT}",
    "alertname": "{#ALERTNAME}",
    "team": "{#TEAM}",
    "runbook": "{#RUNBOOK}",
    **{label: f"{{#{label.upper()}}}" for label in TAG_LABELS},
}

_LIFETIME = "14d"
"""How long Zabbix keeps an alert's item after it was last told of; Alertmanager repeats what fires within days."""

_OPEN_PROTOTYPE = "{#ALERTNAME}: {#SUMMARY}"
_DESCRIPTION = "{#DESCRIPTION}\r\n\r\nRunbook: {#RUNBOOK}\r\nDashboard: {#DASHBOARD}\r\nSource: {#SOURCE}"


def plan(api: Api, version: Version, nodata_seconds: float) -> Plan:
    """The templates as this version imports them, when it would change anything."""
    source = json.dumps(document(version, nodata_seconds))
    request = {"format": "json", "source": source, "rules": _rules(version)}
    difference = api.call_now("configuration.importcompare", request)
    if difference:
        names = (ALERTS_TEMPLATE, BRIDGE_TEMPLATE)
        missing = any("added" in parts for parts in difference.values())
        apply = lambda: api.call_now("configuration.import", request)  # noqa: E731 - the change's own call
        yield Change("create" if missing else "update", "template", names, apply, ", ".join(sorted(difference)))


def document(version: Version, nodata_seconds: float) -> dict[str, Any]:
    """The import file; 6.2 told groups of templates from groups of hosts."""
    groups = "template_groups" if version >= (6, 2) else "groups"
    return {
        "zabbix_export": {
            "version": "7.0" if version >= (7, 0) else "6.0",
            groups: [{"uuid": _uuid(TEMPLATE_GROUP), "name": TEMPLATE_GROUP}],
            "templates": [_alerts(version), _bridge(nodata_seconds)],
        }
    }


def _alerts(version: Version) -> dict[str, Any]:
    rule = {
        "uuid": _uuid("rule"),
        "name": "Alerts by fingerprint",
        "type": "TRAP",
        "key": DISCOVERY_KEY,
        "delay": "0",
        "lifetime": _LIFETIME,
        "description": "Alertmanager's alerts about this host, told by tapwatch zabbix.",
        "item_prototypes": [_item_prototype(version)],
        "overrides": [_override(number, name) for number, name in enumerate(_SEVERITIES) if number],
    }
    if version >= (7, 0):
        rule["enabled_lifetime_type"] = "DISABLE_NEVER"
    return _template(ALERTS_TEMPLATE, {"discovery_rules": [rule]})


def _item_prototype(version: Version) -> dict[str, Any]:
    key = "tapwatch.alert[{#FINGERPRINT}]"
    trigger = {
        "uuid": _uuid("trigger prototype"),
        "expression": f"last(/{ALERTS_TEMPLATE}/{key})=1",
        "name": _OPEN_PROTOTYPE,
        "event_name": _OPEN_PROTOTYPE,
        "url": "{#DASHBOARD}",
        "description": _DESCRIPTION,
        "tags": [_tag(name, value) for name, value in sorted(_TAGS.items())],
    }
    if version >= (7, 0):
        trigger["url_name"] = "Dashboard"
    return {
        "uuid": _uuid("item prototype"),
        "name": _OPEN_PROTOTYPE,
        "type": "TRAP",
        "key": key,
        "delay": "0",
        "history": "7d",
        "trends": "0",
        "description": "1 while the alert fires, 0 when it is resolved.",
        "trigger_prototypes": [trigger],
    }


def _override(number: int, name: str) -> dict[str, Any]:
    return {
        "name": f"Severity {number}",
        "step": str(number),
        "filter": {"conditions": [{"macro": "{#SEVERITY}", "value": f"^{number}$", "formulaid": "A"}]},
        "operations": [{"operationobject": "TRIGGER_PROTOTYPE", "operator": "LIKE", "severity": name}],
    }


def _bridge(nodata_seconds: float) -> dict[str, Any]:
    trigger = {
        "uuid": _uuid("nodata trigger"),
        "expression": f"nodata(/{BRIDGE_TEMPLATE}/{HEARTBEAT_KEY},{{$TAPWATCH.NODATA}})=1",
        "name": "The bridge from Alertmanager is silent",
        "priority": "HIGH",
        "description": "No process of tapwatch zabbix reaches this Zabbix: alerts do not arrive here.",
        "tags": [_tag(*SOURCE_TAG)],
    }
    item = {
        "uuid": _uuid("heartbeat"),
        "name": "Heartbeat of the bridge",
        "type": "TRAP",
        "key": HEARTBEAT_KEY,
        "delay": "0",
        "history": "7d",
        "trends": "0",
        "units": "unixtime",
        "triggers": [trigger],
    }
    macro = {"macro": "{$TAPWATCH.NODATA}", "value": f"{nodata_seconds:.0f}s"}
    return _template(BRIDGE_TEMPLATE, {"items": [item], "macros": [macro]})


def _template(name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uuid": _uuid(name),
        "template": name,
        "name": name,
        "groups": [{"name": TEMPLATE_GROUP}],
        **parts,
    }


def _tag(name: str, value: str) -> dict[str, str]:
    return {"tag": name, "value": value}


def _uuid(name: str) -> str:
    """Always the same for a part, in the form of a version 4 UUID, which the import asks for."""
    digits = hashlib.sha256(f"tapwatch {name}".encode()).hexdigest()
    return f"{digits[:12]}4{digits[13:16]}8{digits[17:32]}"


def _rules(version: Version) -> dict[str, Any]:
    both = {"createMissing": True, "updateExisting": True}
    own = {"createMissing": True, "updateExisting": True, "deleteMissing": True}
    groups = "template_groups" if version >= (6, 2) else "groups"
    return {groups: both, "templates": both, "items": own, "triggers": own, "discoveryRules": own}
