"""The demo's settings files: the shipped ones with this demo's addresses and quicker clocks."""

import secrets
from pathlib import Path
from typing import Any

import yaml

import alerting
from demo.ports import Ports

SCRAPE_SECONDS = 2
ROBOT = "ops"

_ALERTING = Path(alerting.__file__).parent


def write_settings(folder: Path, ports: Ports, language: str, time_zone: str) -> None:
    """Write every settings file of the demo's processes into `folder`."""
    _write_rules(folder / "rules", ports)
    _write(folder / "prometheus.yaml", _prometheus(folder, ports))
    _write(folder / "alertmanager.yaml", _alertmanager(ports))
    _write(folder / "dispenser-exporter.yaml", {"inventory": ["./dispensers.yaml"]})
    for name in ("token", "secret"):
        file = folder / f"robot.{name}"
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="ascii")
    _write(folder / "dingtalk.yaml", _dingtalk(ports, language, time_zone))


def _write(file: Path, data: object) -> None:
    file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _read(file: Path, ports: Ports) -> Any:  # noqa: ANN401 - others' formats, passed on as they are
    return yaml.safe_load(ports.translate(file.read_text(encoding="utf-8")))


def _write_rules(folder: Path, ports: Ports) -> None:
    folder.mkdir()
    for file in sorted((_ALERTING / "rules").glob("*.yaml")):
        (folder / file.name).write_text(ports.translate(file.read_text(encoding="utf-8")), encoding="utf-8")


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


def _dingtalk(ports: Ports, language: str, time_zone: str) -> dict[str, Any]:
    robot = {
        "url": ports.url("stand-in", "/robot/send"),
        "access_token_file": "./robot.token",
        "secret_file": "./robot.secret",
        "keywords": ["Tapwatch"],
        "language": language,
        "time_zone": time_zone,
    }
    return {
        "robots": {ROBOT: robot},
        "outbox": "sqlite:///outbox.db",
        "alertmanagers": [ports.url("alertmanager")],
        "watchdogs": {"main": {"tell": [ROBOT]}},
    }
