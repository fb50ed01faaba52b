"""Grafana for the demo: from PATH, or through Docker where an engine answers, or left out with a sentence."""

import os
import shutil
import subprocess
from pathlib import Path

from dashboards.provisioning import FLEET_UID, write_provisioning
from demo.ports import HOST, Ports

FIRST_PAGE = f"/d/{FLEET_UID}"

HOW_TO_GET_IT = (
    "not found; the dashboards are left out. Put grafana on PATH (packages: grafana.com/grafana/download) "
    "or run a Docker engine, and start the demo again"
)

_IMAGE = "grafana/grafana:11.6.0"


def find(folder: Path, ports: Ports) -> list[str | Path] | None:
    """The command that runs Grafana with our dashboards, and no login; None when this machine has no Grafana."""
    home = folder / "grafana"
    environment = {
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_PATHS_DATA": str(home / "data"),
        "GF_PATHS_PROVISIONING": str(home / "provisioning"),
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(ports.by_process["grafana"]),
    }
    command = _installed(environment) or _docker(home, environment)
    if command is not None:
        (home / "data").mkdir(parents=True)
        write_provisioning(home / "provisioning", ports.url("prometheus"))
    return command


def _installed(environment: dict[str, str]) -> list[str | Path] | None:
    settings = [f"{name}={value}" for name, value in environment.items()]
    for names in (("grafana", "server"), ("grafana-server",)):
        if program := shutil.which(names[0]):
            return ["env", *settings, program, *names[1:], f"--homepath={_home_path(Path(program))}"]
    return None


def _home_path(program: Path) -> Path:
    """Where Grafana's own files are: beside an unpacked download, else where packages put them."""
    unpacked = program.resolve().parent.parent
    return unpacked if (unpacked / "public").is_dir() else Path("/usr/share/grafana")


def _docker(home: Path, environment: dict[str, str]) -> list[str | Path] | None:
    if shutil.which("docker") is None:
        return None
    answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20)  # noqa: S607 - the user's own
    if answer.returncode != 0:
        return None
    settings = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    user = f"{os.getuid()}:{os.getgid()}"
    mount = f"{home}:{home}"
    return ["docker", "run", "--rm", "--network=host", f"--user={user}", f"--volume={mount}", *settings, _IMAGE]
