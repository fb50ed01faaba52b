"""Low-level discovery by fingerprint: each alert instance is an item and a trigger of its own."""

import json
from collections.abc import Iterable, Mapping

from alerting.payload import Alert
from alerting.zabbix.settings import Severities
from alerting.zabbix.spelling import item_key_parameter, one_line, plain, web_url

DISCOVERY_KEY = "tapwatch.alerts"
"""The discovery rule of every host."""
HEARTBEAT_KEY = "tapwatch.heartbeat"
"""The item by which the bridge tells that it lives."""

SOURCE_TAG = ("source", "tapwatch")
"""On every problem that came from Alertmanager: it must not go back there."""
FINGERPRINT_TAG = "fingerprint"

TAG_LABELS = ("site", "building", "floor", "dispenser", "gateway", "cluster", "node", "endpoint", "instance")
"""Labels that become tags of the problem when the alert has them."""

_ANNOTATIONS = ("summary", "description")

Row = Mapping[str, str]
"""One entity of the discovery: low-level discovery macros and their values."""


def alert_key(fingerprint: str) -> str:
    """The key of an alert's item."""
    return f"tapwatch.alert[{item_key_parameter(fingerprint)}]"


def row(alert: Alert, severities: Severities) -> Row:
    """The discovery's entity for an alert; every macro always has a value, else Zabbix would show its name."""
    name = one_line(plain(alert.labels.get("alertname", "alert"), 100))
    words = {key: plain(alert.annotations.get(key, ""), 2000) for key in _ANNOTATIONS}
    return {
        "{#FINGERPRINT}": item_key_parameter(alert.fingerprint),
        "{#ALERTNAME}": name,
        "{#SUMMARY}": one_line(words["summary"])[:120] or name,
        "{#DESCRIPTION}": words["description"],
        "{#SEVERITY}": str(getattr(severities, alert.severity)),
        "{#TEAM}": plain(alert.labels.get("team", ""), 100),
        "{#DASHBOARD}": web_url(alert.annotations.get("dashboard_url", "")),
        "{#RUNBOOK}": web_url(alert.annotations.get("runbook_url", "")),
        "{#SOURCE}": plain(alert.generator_url, 1000),
        **{f"{{#{label.upper()}}}": plain(alert.labels.get(label, ""), 200) for label in TAG_LABELS},
    }


def document(rows: Iterable[Row]) -> str:
    """The value of the discovery rule."""
    return json.dumps([dict(one) for one in rows], ensure_ascii=False)
