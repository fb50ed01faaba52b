"""The settings file of the Zabbix bridge: its names, its defaults, and what a person reads when it is wrong."""

from pathlib import Path

import pytest

from alerting.zabbix.settings import load_settings
from laboratory.processes import run_to_end
from tapwatch.errors import ConfigError

GOOD = """\
api_url: https://zabbix.example/api_jsonrpc.php
token_file: ./zabbix.token
server: zabbix.example:10051
"""

BAD = """\
api_url: https://Admin:hunter2@zabbix.example/
token_file: ./missing.token
server: "zabbix.example:99999"
values: pigeon
timeout: 5
nodata: 10s
severities: {critical: 7, fatal: 1}
alertmanagers: [10.0.0.1:9093]
clusters: {campus: {nodez: [a]}}
"""

NO_ADDRESS = "is not HOST:PORT (as 127.0.0.1:9802, or :9802 for every interface)"


def write(folder: Path, text: str) -> Path:
    (folder / "zabbix.token").write_text("a" * 64, encoding="utf-8")
    file = folder / "zabbix.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_first_lines_are_firm_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.trapper == ("zabbix.example", 10051)
    assert settings.token.get_secret_value() == "a" * 64
    assert (settings.values, settings.interval, settings.patience, settings.receiver) == ("auto", 30, 45, "zabbix")
    assert settings.severities.critical == 4


@pytest.mark.parametrize(
    ("server", "trapper"), [("z", ("z", 10051)), ("[::1]:1", ("::1", 1)), ("[::1]", ("::1", 10051)), ("z:2", ("z", 2))]
)
def test_a_trapper_without_a_port_has_zabbix_own(tmp_path: Path, server: str, trapper: tuple[str, int]) -> None:
    text = GOOD.replace("zabbix.example:10051", f'"{server}"')
    assert load_settings(write(tmp_path, text)).trapper == trapper


def test_every_fault_is_told_at_once_with_its_line_and_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, BAD))
    told = str(caught.value).replace(f"{tmp_path}/", "")
    assert told.splitlines() == [
        "zabbix.yaml:1: api_url: must hold no user, password, '?' or '#'; secrets stand in files of their own",
        "zabbix.yaml:2: token_file: the secret's file missing.token cannot be read: No such file or directory",
        f"zabbix.yaml:3: server: 'zabbix.example:99999' {NO_ADDRESS}",
        "zabbix.yaml:4: values: input should be 'auto', 'history.push' or 'trapper'",
        "zabbix.yaml:5: timeout: must be a duration such as 500ms, 15s or 1h30m, not '5'",
        "zabbix.yaml:6: nodata: input should be greater than or equal to 30",
        "zabbix.yaml:7: severities.critical: input should be less than or equal to 5",
        "zabbix.yaml:7: severities.fatal: unknown key; known keys: critical, info, warning",
        "zabbix.yaml:8: alertmanagers[0]: must be a URL such as https://zabbix.example/api_jsonrpc.php",
        "zabbix.yaml:9: clusters.campus.nodez: unknown key; did you mean 'nodes'?",
    ]


def test_the_token_does_not_show_in_the_settings(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD))
    assert "a" * 64 not in f"{settings!r} {settings} {settings.model_dump()}"


async def test_a_good_file_is_called_good_and_a_bad_one_ends_with_status_2(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    status, out, _ = await run_to_end("zabbix", f"--config.file={file}", "--config.check")
    assert (status, out) == (0, f"{file}: good\n")
    status, _, err = await run_to_end("zabbix", f"--config.file={write(tmp_path, BAD)}", "--config.check")
    assert status == 2
    assert "10 faults." in err


async def test_without_a_file_the_command_says_what_it_needs() -> None:
    status, _, err = await run_to_end("zabbix")
    assert status == 2
    assert "--config.file=FILE is needed" in err
