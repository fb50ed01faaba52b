"""The bridge's settings file."""

from pathlib import Path

import pytest

from alerting.dingtalk.settings import load_settings
from tapwatch.errors import ConfigError

THE_EXAMPLE = """
robots:
  ops:
    url: https://oapi.dingtalk.com/robot/send
    access_token_file: ./ops.token
    secret_file: ./ops.secret
    keywords: [Tapwatch]
    language: zh-TW
    time_zone: Asia/Taipei
    rate_limit: {messages: 20, per: 60s, mute: 600s}
outbox: sqlite:///outbox.db
alertmanagers: [http://127.0.0.1:9093]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ops.token").write_text("t0ken\n", encoding="utf-8")
    (tmp_path / "ops.secret").write_text("SECs3cret\n", encoding="utf-8")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "dingtalk.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_designs_example_is_read(folder: Path) -> None:
    settings = load_settings(write(folder, THE_EXAMPLE))
    ops = settings.robots["ops"]
    assert ops.access_token.get_secret_value() == "t0ken"
    assert (ops.language, ops.time_zone, ops.keywords) == ("zh-TW", "Asia/Taipei", ["Tapwatch"])
    assert (ops.rate_limit.messages, ops.rate_limit.per, ops.rate_limit.mute) == (20, 60, 600)
    assert str(settings.database) == f"sqlite:///{folder}/outbox.db"


def test_no_secret_shows_in_the_settings(folder: Path) -> None:
    settings = load_settings(write(folder, THE_EXAMPLE))
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "t0ken" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_every_fault_is_told_at_once(folder: Path) -> None:
    file = write(
        folder,
        "robots:\n"
        "  ops:\n"
        "    url: ftp://dingtalk\n"
        "    access_token_file: ./none.token\n"
        "    keyword: [Tapwatch]\n"
        "    language: de\n"
        "    time_zone: Taipei\n"
        "    rate_limit: {messages: 0, per: 60}\n"
        "  night: {}\n",
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert str(caught.value).replace(str(folder), "DIR").replace(" or directory", "").splitlines() == [
        "DIR/dingtalk.yaml:3: robots.ops.url: must be an https:// URL, as it carries the access token; http:// only to this machine",  # noqa: E501 - one line of output
        "DIR/dingtalk.yaml:4: robots.ops.access_token_file: the secret's file DIR/none.token cannot be read: No such file",  # noqa: E501 - one line of output
        "DIR/dingtalk.yaml:5: robots.ops.keyword: unknown key; did you mean 'keywords'?",
        "DIR/dingtalk.yaml:6: robots.ops.language: input should be 'en', 'zh-TW' or 'zh-CN'",
        "DIR/dingtalk.yaml:7: robots.ops.time_zone: 'Taipei' is no time zone; right would be a name as Asia/Taipei",
        "DIR/dingtalk.yaml:8: robots.ops.rate_limit.messages: input should be greater than or equal to 1",
        "DIR/dingtalk.yaml:8: robots.ops.rate_limit.per: must be a duration such as 500ms, 15s or 1h30m, not '60'",
        "DIR/dingtalk.yaml:9: robots.night.access_token_file: is missing",
    ]


def test_a_token_in_the_settings_file_itself_is_refused_without_repeating_it(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(folder, "robots: {ops: {access_token: t0ken}}"))
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://oapi.dingtalk.com/robot/send?access_token=t0ken", "must end before the '?'"),
        ("https://t0ken@oapi.dingtalk.com/robot/send", "must end before the '?'"),
        ("http://oapi.dingtalk.com/robot/send", "must be an https:// URL"),
        ("http://127.0.0.1.example.org/robot/send", "must be an https:// URL"),
        ("https:///robot/send", "must be an https:// URL"),
        ("https://[oapi/robot/send", "is not a URL"),
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused_and_not_repeated(
    folder: Path, url: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(folder, f"robots: {{ops: {{url: '{url}', access_token_file: ./ops.token}}}}"))
    assert f"robots.ops.url: {fault}" in str(caught.value)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9811/robot/send", "http://[::1]:9811/x", "http://localhost/x"])
def test_the_stand_in_on_this_machine_needs_no_tls(folder: Path, url: str) -> None:
    settings = load_settings(write(folder, f"robots: {{ops: {{url: '{url}', access_token_file: ./ops.token}}}}"))
    assert settings.robots["ops"].url == url


def test_a_whole_webhook_address_in_the_tokens_file_is_refused_and_not_repeated(folder: Path) -> None:
    (folder / "ops.token").write_text("https://oapi.dingtalk.com/robot/send?access_token=t0ken", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(write(folder, "robots: {ops: {access_token_file: ./ops.token}}"))
    assert str(caught.value).endswith(
        "dingtalk.yaml:1: robots.ops.access_token_file: "
        "the file must hold the bare token or secret: one word, not the whole webhook address"
    )


def test_the_patience_covers_an_answer_and_is_within_alertmanagers_least(folder: Path) -> None:
    robots = "robots: {ops: {access_token_file: ./ops.token}}"
    settings = load_settings(write(folder, robots))
    assert settings.timeout < settings.patience < 10
    with pytest.raises(ConfigError, match=r"timeout \(9 s\) must not be longer than patience \(8 s\)"):
        load_settings(write(folder, f"{robots}\ntimeout: 9s"))
