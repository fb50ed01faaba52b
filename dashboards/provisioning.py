"""The files that Grafana loads: the dashboards' JSON, and where it finds them and Prometheus."""

from collections.abc import Collection
from pathlib import Path

import yaml

from dashboards import (
    alerts,
    clusters,
    controlplane,
    delivery,
    dispenser,
    fleet,
    maintenance,
    oncall,
    pipeline,
    sites,
    water,
    workloads,
)
from dashboards.grafana import to_json
from dashboards.language import Language, Text, name_in, say
from tapwatch.errors import TapwatchError

DASHBOARDS = (
    fleet.FLEET,
    sites.SITES,
    dispenser.DISPENSER,
    water.WATER,
    maintenance.MAINTENANCE,
    alerts.ALERTS,
    oncall.ONCALL,
    clusters.CLUSTERS,
    controlplane.CONTROLPLANE,
    workloads.WORKLOADS,
    pipeline.PIPELINE,
    delivery.DELIVERY,
)
GENERATED = Path(__file__).parent / "generated"
FLEET_UID = fleet.UID

FOLDER = Text("Tapwatch", "飲水機與叢集監控")
FOLDER_UID = "tapwatch"
"""Grafana's folder; each language has its own, as titles of one folder must make distinct file names."""

_SCRAPE_INTERVAL = "15s"
"""Of alerting/prometheus.yaml. Grafana makes `$__rate_interval` four times of it, or more."""


def generated_files(languages: Collection[Language] = tuple(Language)) -> dict[str, str]:
    """Every dashboard's file, as `LANGUAGE/UID.json`, and its text."""
    return {
        f"{language}/{name_in(dashboard.uid, language)}.json": to_json(dashboard, language)
        for language in languages
        for dashboard in DASHBOARDS
    }


def write_dashboards(folder: Path, languages: Collection[Language] = tuple(Language)) -> list[Path]:
    """Write every dashboard into `folder`; returns the files. Raises TapwatchError when it cannot be written."""
    return [write_file(folder / name, text) for name, text in generated_files(languages).items()]


def stale_files(folder: Path) -> list[str]:
    """What is wrong with the JSON files in `folder`, a sentence each: missing, old, or not one of ours."""
    expected = generated_files()
    found = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*.json")}
    changed = [name for name in expected if expected[name] != found.get(name)]
    return sorted(
        [f"{folder / name} is not what the code writes; run `tapwatch dashboards build`" for name in changed]
        + [f"{folder / name} is no dashboard of ours; delete it" for name in found.keys() - expected.keys()]
    )


def write_provisioning(folder: Path, prometheus: str, languages: Collection[Language] = tuple(Language)) -> None:
    """Write what Grafana's `paths.provisioning` points at: the data source, the dashboards and their providers.

    `prometheus` is the URL at which Grafana finds Prometheus. A provider names `folder` by its absolute path, so it
    cannot be moved. Raises TapwatchError when it cannot be written.
    """
    json = folder.resolve() / "json"
    write_dashboards(json, languages)
    source = {
        "name": "Prometheus",
        "uid": "tapwatch-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
        "isDefault": True,
        "jsonData": {"timeInterval": _SCRAPE_INTERVAL},
    }
    providers: list[dict[str, object]] = [
        {
            "name": say(FOLDER, language),
            "folder": say(FOLDER, language),
            "folderUid": name_in(FOLDER_UID, language),
            "type": "file",
            "options": {"path": str(json / language)},
        }
        for language in languages
    ]
    _write_settings(folder / "datasources" / "tapwatch.yaml", "datasources", [source])
    _write_settings(folder / "dashboards" / "tapwatch.yaml", "providers", providers)


def _write_settings(file: Path, key: str, items: list[dict[str, object]]) -> None:
    write_file(file, yaml.safe_dump({"apiVersion": 1, key: items}, sort_keys=False, allow_unicode=True))


def write_file(file: Path, text: str) -> Path:
    """Write a file and the folders that it needs. Raises TapwatchError when it cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error
    return file
