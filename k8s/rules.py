"""The rule files of `alerting/rules` as PrometheusRule objects, which the Prometheus Operator loads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

GRAFANA = "http://127.0.0.1:3000"
"""As the rule files have it; `kubectl port-forward service/grafana 3000` serves it there."""
RUNBOOKS = "https://github.com/tapwatch/tapwatch/blob/main/docs/runbooks"


def rule_objects(rules: Path, grafana: str = GRAFANA, runbooks: str = RUNBOOKS) -> list[Mapping[str, Any]]:
    """An object for each file of the folder that has rules; their links lead to `grafana` and `runbooks` (URLs)."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in sorted(rules.glob("*.yaml"))}
    linked = {name: text.replace(GRAFANA, grafana).replace(RUNBOOKS, runbooks) for name, text in texts.items()}
    return [_rule_object(name, groups) for name, text in linked.items() if (groups := _groups_with_rules(text))]


def _groups_with_rules(text: str) -> list[Mapping[str, Any]]:
    """samplings.yaml, as shipped, has a group without any."""
    return [group for group in yaml.safe_load(text)["groups"] if group["rules"]]


def _rule_object(name: str, groups: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name},
        "spec": {"groups": groups},
    }
