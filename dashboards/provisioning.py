"""The files that Grafana loads: the dashboards' JSON, and where it finds them and Prometheus."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from dashboards import controlplane, delivery, fleet
from dashboards.grafana import to_json
from tapwatch.errors import TapwatchError

DASHBOARDS = (fleet.FLEET, controlplane.CONTROLPLANE, delivery.DELIVERY)
GENERATED = Path(__file__).parent / "generated"
FLEET_UID = fleet.UID

_SCRAPE_INTERVAL = "15s"
"""Of alerting/prometheus.yaml. Grafana makes `$__rate_interval` four times of it, or more."""


def generated_files() -> dict[str, str]:
    """Every dashboard's file name and text."""
    return {f"{dashboard.uid}.json": to_json(dashboard) for dashboard in DASHBOARDS}


def write_dashboards(folder: Path) -> list[Path]:
    """Write every dashboard into `folder`; returns the files. Raises TapwatchError when it cannot be written."""
    return [_write(folder / name, text) for name, text in generated_files().items()]


def stale_files(folder: Path) -> list[str]:
    """What is wrong with the JSON files in `folder`, a sentence each: missing, old, or not one of ours."""
    expected = generated_files()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    changed = [name for name in expected if expected[name] != found.get(name)]
    return sorted(
        [f"{folder / name} is not what the code writes; run `tapwatch dashboards build`" for name in changed]
        + [f"{folder / name} is no dashboard of ours; delete it" for name in found.keys() - expected.keys()]
    )


def write_provisioning(folder: Path, prometheus: str) -> None:
    """Write what Grafana's `paths.provisioning` points at: the data source, the dashboards and their provider.

    `prometheus` is the URL at which Grafana finds Prometheus. The provider names `folder` by its absolute path, so it
    cannot be moved. Raises TapwatchError when it cannot be written.
    """
    json = folder.resolve() / "json"
    write_dashboards(json)
    source = {
        "name": "Prometheus",
        "uid": "tapwatch-prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
        "isDefault": True,
        "jsonData": {"timeInterval": _SCRAPE_INTERVAL},
    }
    provider = {"name": "Tapwatch", "folder": "Tapwatch", "type": "file", "options": {"path": str(json)}}
    _write_settings(folder / "datasources" / "tapwatch.yaml", "datasources", source)
    _write_settings(folder / "dashboards" / "tapwatch.yaml", "providers", provider)


def _write_settings(file: Path, key: str, item: Mapping[str, object]) -> None:
    _write(file, yaml.safe_dump({"apiVersion": 1, key: [dict(item)]}, sort_keys=False))


def _write(file: Path, text: str) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error
    return file
