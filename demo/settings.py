"""The demo's settings files: the shipped ones with this demo's addresses and quicker clocks."""

import glob
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import alerting
from demo.front.documents import PUBLIC, RUNBOOKS, runbooks_in
from demo.ports import Ports
from exporters.cluster.simulator import NAME, PARTS

SCRAPE_SECONDS = 2
RESEND_SECONDS = 15
"""How often Prometheus tells what goes on firing. With its minute, Alertmanager would look deaf at first."""
ROBOT = "ops"

_ALERTING = Path(alerting.__file__).parent


@dataclass(frozen=True)
class Wanted:
    """What the settings depend on beside the ports."""

    language: str
    time_zone: str
    inventory: Path
    maps: Sequence[Path]
    kubeconfig: Path | None
    """None for the simulated control plane, whose kubeconfig comes with it."""
    documents: bool
    """Whether the demo has the documentation, where links to runbooks lead then."""
    dashboards: bool
    """Whether there is a Grafana that links to dashboards lead to."""


def write_settings(folder: Path, ports: Ports, wanted: Wanted) -> None:
    """Write every settings file of the demo's processes into `folder`."""
    _write_rules(folder / "rules", ports, wanted)
    _write(folder / "prometheus.yaml", _prometheus(folder, ports))
    _write(folder / "alertmanager.yaml", _alertmanager(ports))
    _write(folder / "dispenser-exporter.yaml", _dispenser_exporter(wanted))
    if wanted.kubeconfig is None:
        _write(folder / "cluster-exporter.yaml", _cluster_exporter(folder))
    for name in ("token", "secret"):
        file = folder / f"robot.{name}"
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="ascii")
    _write(folder / "dingtalk.yaml", _dingtalk(ports, wanted))


def _write(file: Path, data: object) -> None:
    file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _read(file: Path, ports: Ports) -> Any:  # noqa: ANN401 - others' formats, passed on as they are
    return yaml.safe_load(ports.translate(file.read_text(encoding="utf-8")))


def _write_rules(folder: Path, ports: Ports, wanted: Wanted) -> None:
    """The shipped rules, whose links lead to this machine as far as it has the pages."""
    folder.mkdir()
    links = {}
    if wanted.documents:
        links[f"{PUBLIC}{RUNBOOKS}"] = ports.url("demo", f"/{runbooks_in(wanted.language)}")
    if not wanted.dashboards:
        links[ports.url("grafana", "/d/")] = ports.url("demo", "/d/")
    for file in sorted((_ALERTING / "rules").glob("*.yaml")):
        text = ports.translate(file.read_text(encoding="utf-8"))
        for shipped, ours in links.items():
            text = text.replace(shipped, ours)
        (folder / file.name).write_text(text, encoding="utf-8")


def _dispenser_exporter(wanted: Wanted) -> dict[str, Any]:
    return {"inventory": _patterns([wanted.inventory]), "maps": _patterns(wanted.maps)}


def _patterns(files: Sequence[Path]) -> list[str]:
    """In these settings `*` and brackets stand for any names; files that people name have them in their names."""
    return [glob.escape(str(file)) for file in files]


def _cluster_exporter(folder: Path) -> dict[str, Any]:
    """The simulated API servers, and what there is behind them."""
    cluster = {"name": NAME, "kubeconfig": str(folder / "control-plane" / "kubeconfig.yaml")}
    return {"clusters": [cluster], "parts": list(PARTS)}


def _prometheus(folder: Path, ports: Ports) -> dict[str, Any]:
    """The shipped scrape jobs, every few seconds, so that a person sees what they do at once."""
    config: dict[str, Any] = _read(_ALERTING / "prometheus.yaml", ports)
    interval = f"{SCRAPE_SECONDS}s"
    config["global"] |= {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config["rule_files"] = [str(folder / "rules" / "*.yaml")]
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
        job.pop("scrape_timeout", None)
        for discovery in job.get("http_sd_configs", []):
            discovery["refresh_interval"] = "5s"
    return config


def _alertmanager(ports: Ports) -> dict[str, Any]:
    """The shipped routes, without the waiting that saves messages in a real storm."""
    config: dict[str, Any] = _read(_ALERTING / "routing" / "alertmanager.yaml", ports)
    _hurry(config["route"])
    return config


def _hurry(route: dict[str, Any]) -> None:
    route |= {"group_wait": "1s", "group_interval": "5s"}
    for child in route.get("routes", []):
        _hurry(child)


def _dingtalk(ports: Ports, wanted: Wanted) -> dict[str, Any]:
    robot = {
        "url": ports.url("stand-in", "/robot/send"),
        "access_token_file": "./robot.token",
        "secret_file": "./robot.secret",
        "keywords": ["Tapwatch"],
        "language": wanted.language,
        "time_zone": wanted.time_zone,
    }
    return {
        "robots": {ROBOT: robot},
        "outbox": "sqlite:///outbox.db",
        "alertmanagers": [ports.url("alertmanager")],
        "watchdogs": {"main": {"tell": [ROBOT]}},
        "reconcile": {"every": "15s"},
    }
