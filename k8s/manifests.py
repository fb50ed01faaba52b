"""The manifests that follow from other files of the project: which ones, and whether they are in step."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

import alerting
import exporters
from k8s.rights import exporter_rights
from k8s.routing import cluster_routes
from k8s.rules import GRAFANA, RUNBOOKS, rule_objects
from tapwatch.errors import TapwatchError

FOLDER = Path(__file__).parent

_RULES = Path(alerting.__file__).parent / "rules"
_ROUTES = Path(alerting.__file__).parent / "routing" / "alertmanager.yaml"
_RIGHTS = Path(exporters.__file__).parent / "cluster" / "rbac.yaml"


def generated_manifests(grafana: str = GRAFANA, runbooks: str = RUNBOOKS) -> dict[Path, str]:
    """Each file's text by its place below k8s/; alerts link to `grafana` and `runbooks` (URLs)."""
    return {
        Path("base/prometheus/rules.yaml"): _text("alerting/rules", rule_objects(_RULES, grafana, runbooks)),
        Path("base/alertmanager/settings.yaml"): _text("alerting/routing", [cluster_routes(_ROUTES)]),
        Path("components/zabbix/alertmanager.yaml"): _text("alerting/routing", [cluster_routes(_ROUTES, zabbix=True)]),
        Path("base/cluster-exporter/rbac.yaml"): _text("exporters/cluster/rbac.yaml", exporter_rights(_RIGHTS)),
    }


def stale_manifests(folder: Path, texts: Mapping[Path, str]) -> list[Path]:
    """Those that are missing in the folder, or not what would be written."""
    return [folder / place for place, text in texts.items() if _content(folder / place) != text]


def write_manifests(folder: Path, texts: Mapping[Path, str]) -> list[Path]:
    """Write those that are not in step; returns them. Raises TapwatchError when one cannot be written."""
    stale = stale_manifests(folder, texts)
    for file in stale:
        try:
            file.write_text(texts[file.relative_to(folder)], encoding="utf-8")
        except OSError as error:
            raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error
    return stale


def _content(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


class _Dumper(yaml.SafeDumper):
    """Long texts stay readable, and what stands twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def _text(source: str, documents: Iterable[Mapping[str, Any]]) -> str:
    body = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"# Written by `tapwatch k8s build` from {source}.\n{body}"
