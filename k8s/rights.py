"""The cluster exporter's rights as the overlays take them, from `exporters/cluster/rbac.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_NAMESPACE = "tapwatch"
"""The exporter's own in rbac.yaml; an overlay puts its namespace there."""
_KUBELETS = "tapwatch-cluster-exporter-kubelets"
"""Opens more of the kubelets than their numbers, so it is left out."""


def exporter_rights(shipped: Path) -> list[Mapping[str, Any]]:
    """All objects but the namespace and the rights to kubelets; those of the exporter's namespace name none."""
    objects = yaml.safe_load_all(shipped.read_text(encoding="utf-8"))
    return [_without_own_namespace(one) for one in objects if one["kind"] != "Namespace" and not _about_kubelets(one)]


def _about_kubelets(one: Mapping[str, Any]) -> bool:
    return bool(one["metadata"]["name"] == _KUBELETS)


def _without_own_namespace(one: Mapping[str, Any]) -> Mapping[str, Any]:
    subjects = {"subjects": [_bare(subject) for subject in one["subjects"]]} if "subjects" in one else {}
    return {**one, "metadata": _bare(one["metadata"]), **subjects}


def _bare(named: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in named.items() if (key, value) != ("namespace", _NAMESPACE)}
