"""packaging/compose runs what `tapwatch demo` runs: the demo is started, and looked at from outside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.pipeline import Options, Pipeline, running_pipeline
from demo.ports import HOST, USUAL
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.layout import Layout
from tests.contract.compose.service import FOLDER, HELPERS, SERVICES

PLACES = {"alertmanager": "/etc/alertmanager", "prometheus": "/etc/prometheus"}
"""Where the settings are in a container; in ours at /etc/tapwatch."""
DATA = {"alertmanager": "/alertmanager", "prometheus": "/prometheus"}
OF_THE_DEMO_ALONE = {
    "--rules.alert.resend-delay": "quicker clocks",
    "--web.local-assets": "Debian's Prometheus has its pages beside the program",
    "--kubeconfig": "the simulated API servers, which live in the demo's own process",
    "--inventory": "the ports are fixed, so the inventory is a file",
    "--modbus-port": "as above",
}
OF_COMPOSE_ALONE = {
    "--config.file": "of the cluster exporter, which watches real clusters",
    "--modbus-port": "see above",
    "--storage.tsdb.retention.time": "the demo is over before it matters",
}


def options(words: list[str]) -> Mapping[str, str]:
    """Option by option, with what it is set to."""
    return {name: value for name, _, value in (word.partition("=") for word in words if word.startswith("--"))}


@pytest.mark.slow
async def test_every_process_runs_as_in_the_demo(tmp_path: Path) -> None:
    async with running_pipeline(tmp_path, Options(24, 10, "en", None, grafana=False), lambda _: None) as pipeline:
        demo = {child.name: _as_in_a_container(child.pid, child.name, pipeline) for child in pipeline.children}
        settings = _settings(tmp_path, pipeline)
    assert set(demo) == set(SERVICES) - {"grafana", *HELPERS}
    for name, words in demo.items():
        ours, theirs = SERVICES[name]["command"], options(words)
        assert _subcommand(ours) == _subcommand(words), name
        kept = {option: value for option, value in theirs.items() if option not in OF_THE_DEMO_ALONE}
        assert kept.items() <= options(ours).items(), name
        assert set(options(ours)) - set(kept) <= set(OF_COMPOSE_ALONE), name
    for file, content in settings.items():
        assert yaml.safe_load((FOLDER / "campus" / file).read_text(encoding="utf-8")) == content, file


async def test_the_inventory_of_the_campus_is_the_simulators() -> None:
    shipped = yaml.safe_load((FOLDER / "campus" / "dispensers.yaml").read_text(encoding="utf-8"))["dispensers"]
    port = int(options(SERVICES["campus"]["command"])["--modbus-port"])
    async with Campus.start(Layout(modbus_port=0)) as campus:
        ports = {gateway.gateway.port: port + number for number, gateway in enumerate(campus.gateways)}
        made = [dict(one.entry) for one in campus.dispensers.values()]
    for entry in made:
        start, _, unit = entry["address"].rpartition("/")
        host, _, found = start.rpartition(":")
        entry["address"] = f"{host}:{ports[int(found)]}/{unit}"
    assert shipped == made


def _subcommand(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith("--")]


def _as_in_a_container(pid: int, name: str, pipeline: Pipeline) -> list[str]:
    """The running process's words after the program, with the usual ports, and its files where a container has them."""
    words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").rstrip("\0").split("\0")
    start = next(
        index for index, word in enumerate(words) if word.startswith("--") or word in USUAL or word == "simulate"
    )
    text = "\n".join(words[start:])
    for process, port in USUAL.items():
        text = text.replace(f"{HOST}:{pipeline.ports.by_process[process]}", f"{HOST}:{port}")
    if name in DATA:
        text = text.replace(f"{pipeline.folder}/{name}\n", f"{DATA[name]}\n")
    return text.replace(str(pipeline.folder), PLACES.get(name, "/etc/tapwatch")).split("\n")


def _settings(folder: Path, pipeline: Pipeline) -> Mapping[str, Any]:
    """The demo's own settings of our processes, by file, with the usual ports and a container's places."""
    found = {}
    for file in ("dispenser-exporter.yaml", "dingtalk.yaml"):
        text = (folder / file).read_text(encoding="utf-8").replace(str(folder), ".")
        for process, port in USUAL.items():
            text = text.replace(f"{HOST}:{pipeline.ports.by_process[process]}", f"{HOST}:{port}")
        found[file] = {key: value for key, value in yaml.safe_load(text).items() if value != []}
    dingtalk = found["dingtalk.yaml"]
    for secret in ("token", "secret"):
        key = "access_token_file" if secret == "token" else "secret_file"
        dingtalk["robots"]["ops"][key] = f"/run/secrets/ops.{secret}"
    dingtalk["robots"]["ops"]["time_zone"] = "Asia/Taipei"
    dingtalk["outbox"] = "sqlite:////var/lib/tapwatch/outbox.db"
    return found
