"""packaging/systemd: systemd takes every unit without a word, finds little to attack; the settings are good."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from alerting.zabbix.command import DEFAULT_PORT as ZABBIX_PORT
from demo.ports import USUAL
from laboratory.programs.systemdanalyze import analyze
from tests.contract.shipped import PACKAGING, ROOT, SECRET, check_settings, named_files

FOLDER = PACKAGING / "systemd"
PAGE = ROOT / "docs" / "systemd.md"
SERVICES = ("tapwatch-cluster-exporter", "tapwatch-dingtalk", "tapwatch-dispenser-exporter", "tapwatch-zabbix")
INSTALLED = "/usr/local/bin/tapwatch"
# Of 10. What remains is that the services use the network and have no root folder of their own.
MOST_EXPOSED = 1.5


BOOTED_BY_SYSTEMD = pytest.mark.root
"""systemd-analyze wants /run/systemd, which it may make as root where systemd did not."""


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as on a machine where the command is where they look for it."""
    folder = tmp_path_factory.mktemp("units") / "system"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("settings"))
    command = Path(sys.executable).with_name("tapwatch")
    for file in folder.glob("*.service"):
        file.write_text(file.read_text(encoding="utf-8").replace(INSTALLED, str(command)), encoding="utf-8")
    return folder


def test_there_is_a_unit_for_each_process_that_a_machine_runs() -> None:
    assert tuple(sorted(file.stem for file in FOLDER.glob("*.service"))) == SERVICES


@BOOTED_BY_SYSTEMD
@pytest.mark.parametrize("service", SERVICES)
def test_systemd_has_nothing_to_say_about_the_unit(service: str, units: Path) -> None:
    answer = analyze("verify", "--man=no", units / f"{service}.service", units=units)
    assert (answer.stdout + answer.stderr, answer.returncode) == ("", 0)


@BOOTED_BY_SYSTEMD
def test_systemd_does_complain_about_a_setting_that_it_does_not_know(tmp_path: Path, units: Path) -> None:
    folder = tmp_path / "system"
    shutil.copytree(units, folder)
    common = folder / "tapwatch-.service.d" / "10-common.conf"
    common.write_text(common.read_text(encoding="utf-8").replace("PrivateTmp=", "PrivateTemp="), encoding="utf-8")
    answer = analyze("verify", "--man=no", folder / "tapwatch-zabbix.service", units=folder)
    assert "PrivateTemp" in answer.stderr


@BOOTED_BY_SYSTEMD
@pytest.mark.parametrize("service", SERVICES)
def test_the_unit_leaves_little_to_attack(service: str, units: Path) -> None:
    unit = units / f"{service}.service"
    answer = analyze(
        "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", unit, units=units
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_beside_the_units_are_good(service: str, tmp_path: Path) -> None:
    """Checked as they are, but for the folder of the credentials, which systemd makes while the service runs."""
    text = _command_line(service)
    process, _, file = text.removeprefix(f"{INSTALLED} ").removesuffix(" $ARGS").partition(" --config.file=")
    assert file == f"/etc/tapwatch/{process}.yaml"
    answer = check_settings(process, FOLDER / "settings" / f"{process}.yaml", tmp_path)
    assert (answer.exit_code, answer.output) == (0, f"{tmp_path / process}.yaml: good\n")


@pytest.mark.parametrize("service", SERVICES)
def test_every_secret_of_the_settings_is_a_credential_of_the_unit(service: str) -> None:
    process = service.removeprefix("tapwatch-")
    named = SECRET.findall(_settings(process))
    unit = (FOLDER / f"{service}.service").read_text(encoding="utf-8")
    assert {folder for folder, _ in named} <= {f"/run/credentials/{service}.service"}
    assert bool(named) == (f"LoadCredential={process}:/etc/tapwatch/secrets/{process}\n" in unit)
    assert all(name.startswith(f"{process}_") for _, name in named)


def test_the_outbox_is_in_the_folder_that_the_unit_may_write() -> None:
    unit = (FOLDER / "tapwatch-dingtalk.service").read_text(encoding="utf-8")
    outbox = yaml.safe_load(_settings("dingtalk"))["outbox"]
    assert outbox == "sqlite:////var/lib/tapwatch-dingtalk/outbox.db"
    assert "StateDirectory=tapwatch-dingtalk\n" in unit


def _command_line(service: str) -> str:
    unit = (FOLDER / f"{service}.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    return str(line)


def _settings(process: str) -> str:
    return (FOLDER / "settings" / f"{process}.yaml").read_text(encoding="utf-8")


def test_the_page_names_files_that_exist() -> None:
    named = named_files(PAGE)
    assert named["packaging/systemd/tapwatch-*"]
    assert all(named.values()), named


def test_the_page_has_every_unit_with_its_port_and_its_secrets() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for service in SERVICES:
        process = service.removeprefix("tapwatch-")
        (row,) = re.findall(rf"^\| `{service}` \|.+$", page, re.MULTILINE)
        assert f"`{process}.yaml`" in row
        assert row.endswith(f"| {USUAL.get(process, ZABBIX_PORT)} |")
        for _, name in SECRET.findall(_settings(process)):
            assert f"`{process}/{name.removeprefix(f'{process}_')}`" in row
