"""Alertmanager's routes with the addresses that the bridges have inside a cluster."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

_BRIDGE, _BRIDGE_INSIDE = "http://127.0.0.1:9804", "http://dingtalk:9804"
_ZABBIX = "http://zabbix:9805/zabbix"
_TOKEN_FILE = "/etc/webhook/token"  # noqa: S105 - a file's name
"""Where k8s/base/alertmanager mounts the Secret `webhook`."""
_TIMEOUT = "15s"
"""Longer than a bridge ever takes to answer, shorter than the shortest `group_interval`."""


def cluster_routes(shipped: Path, *, zabbix: bool = False) -> Mapping[str, Any]:
    """The shipped settings, calling the DingTalk bridge by its Service's name, with the token that it asks for.

    With `zabbix` all but Watchdog goes there, too.
    """
    settings: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8").replace(_BRIDGE, _BRIDGE_INSIDE))
    for webhook in _webhooks(settings):
        webhook["timeout"] = _TIMEOUT
        webhook["http_config"] = {"authorization": {"credentials_file": _TOKEN_FILE}}
    if zabbix:
        _add_zabbix(settings)
    return settings


def _webhooks(settings: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (webhook for receiver in settings["receivers"] for webhook in receiver["webhook_configs"])


def _add_zabbix(settings: Mapping[str, Any]) -> None:
    """After the route of Watchdog, which always fires, and before those that wake people."""
    matchers = ["alertname != Watchdog", "source != zabbix"]
    settings["route"]["routes"].insert(1, {"receiver": "zabbix", "matchers": matchers, "continue": True})
    webhook = {"url": _ZABBIX, "send_resolved": True, "timeout": "60s"}
    settings["receivers"].append({"name": "zabbix", "webhook_configs": [webhook]})
