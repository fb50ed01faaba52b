"""packaging/compose: right by its own schema, commands that exist, settings that are good, secrets in files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tapwatch.cli import main
from tests.contract.compose.service import DOCUMENT, FILE, FOLDER, HELPERS, OURS, SERVICES, SETTINGS, listens_at, mounts
from tests.contract.shipped import ROOT, SECRET, check_settings, named_files

PAGE = ROOT / "docs" / "compose.md"
SETTINGS_FOLDERS = ("settings", "campus")
WITH_SETTINGS = tuple(
    (process, folder)
    for process in ("dispenser-exporter", "cluster-exporter", "dingtalk")
    for folder in SETTINGS_FOLDERS
    if (FOLDER / folder / f"{process}.yaml").is_file()
)


def validate(file: Path) -> subprocess.CompletedProcess[str]:
    """Judge by the schema of the Compose Specification."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_keeps_to_the_compose_specification() -> None:
    answer = validate(FILE)
    assert answer.returncode == 0, answer.stdout


def test_the_specification_knows_its_keys(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("cap_drop:", "cap_dropped:"), encoding="utf-8")
    answer = validate(wrong)
    assert answer.returncode == 1
    assert "cap_dropped" in answer.stdout


@pytest.mark.parametrize("name", [name for name in OURS if name != "volumes"])
def test_every_command_line_of_ours_is_one_that_tapwatch_takes(name: str) -> None:
    assert "entrypoint" not in SERVICES[name]
    answer = CliRunner().invoke(main, [*SERVICES[name]["command"], "--help"])
    assert answer.exit_code == 0, answer.output


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in HELPERS and name != "grafana"])
def test_every_process_listens_on_loopback_where_the_others_look_for_it(name: str) -> None:
    assert f"--web.listen-address={listens_at(name)}" in SERVICES[name]["command"]


def test_grafana_listens_on_loopback() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert f"{environment['GF_SERVER_HTTP_ADDR']}:{environment['GF_SERVER_HTTP_PORT']}" == listens_at("grafana")


@pytest.mark.parametrize(("process", "folder"), WITH_SETTINGS)
def test_the_settings_are_good(process: str, folder: str, tmp_path: Path) -> None:
    assert f"--config.file={SETTINGS}/{process}.yaml" in SERVICES[process]["command"]
    assert mounts(process)[SETTINGS] in {"${TAPWATCH_SETTINGS:-./settings}", "./settings"}
    answer = check_settings(process, FOLDER / folder / f"{process}.yaml", tmp_path)
    assert (answer.exit_code, answer.output) == (0, f"{tmp_path / process}.yaml: good\n")


def test_the_environment_of_the_campus_chooses_its_services_and_settings() -> None:
    lines = (FOLDER / "campus.env").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "COMPOSE_PROFILES=campus",
        "TAPWATCH_SETTINGS=./campus",
    ]
    assert sorted(name for name, service in SERVICES.items() if service.get("profiles") == ["campus"]) == [
        "campus",
        "stand-in",
    ]
    assert mounts("stand-in")[SETTINGS] == "./campus"


@pytest.mark.parametrize(("process", "folder"), WITH_SETTINGS)
def test_a_service_has_the_secrets_that_its_settings_name_and_no_others(process: str, folder: str) -> None:
    named = SECRET.findall((FOLDER / folder / f"{process}.yaml").read_text(encoding="utf-8"))
    assert sorted(name for _, name in named) == sorted(SERVICES[process].get("secrets", ()))


def test_every_secret_is_a_file_that_git_ignores() -> None:
    assert DOCUMENT["secrets"] == {name: {"file": f"./secrets/{name}"} for name in DOCUMENT["secrets"]}
    assert set().union(*(service.get("secrets", ()) for service in SERVICES.values())) == set(DOCUMENT["secrets"])
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", "packaging/compose/secrets/ops.token"],  # noqa: S607 - the developer's
        cwd=ROOT,
        check=False,
    )
    assert ignored.returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_walls(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert ("user" in service, "cap_add" in service) == ((name == "volumes"),) * 2


def test_servers_of_others_are_those_of_the_manifests() -> None:
    manifests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "k8s" / "base").rglob("*.yaml"))
    theirs = set(re.findall(r"image: (\S+)", manifests))
    assert {service["image"] for name, service in SERVICES.items() if name not in OURS} < theirs


def test_our_image_is_of_this_version() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {SERVICES[name]["image"] for name in OURS} == {f"${{TAPWATCH_IMAGE:-tapwatch:{version}}}"}
    assert {SERVICES[name]["build"]["context"] for name in OURS} == {"../.."}


def test_what_is_mounted_from_the_project_is_there() -> None:
    for name in SERVICES:
        for source in mounts(name).values():
            place = re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", source)
            if place.startswith("."):
                assert (FOLDER / place).is_dir(), f"{name}: {source}"
            else:
                assert place in DOCUMENT["volumes"], f"{name}: {source}"


def test_prometheus_and_alertmanager_run_the_shipped_settings() -> None:
    assert mounts("prometheus")["/etc/prometheus"] == "${PROMETHEUS_SETTINGS:-../../alerting}"
    assert "--config.file=/etc/prometheus/prometheus.yaml" in SERVICES["prometheus"]["command"]
    assert yaml.safe_load((ROOT / "alerting" / "prometheus.yaml").read_text())["rule_files"] == ["rules/*.yaml"]
    assert mounts("alertmanager")["/etc/alertmanager"] == "${ALERTMANAGER_SETTINGS:-../../alerting/routing}"
    assert "--config.file=/etc/alertmanager/alertmanager.yaml" in SERVICES["alertmanager"]["command"]


def test_the_page_names_files_that_exist_and_every_secret() -> None:
    named = named_files(PAGE)
    assert named["packaging/compose"]
    assert all(named.values()), named
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in DOCUMENT["secrets"] if f"`secrets/{name}`" not in page] == []
