"""Every fault of a file at once, with its line and what would be right; the messages are spelled out."""

from pathlib import Path

import pytest

from alerting.dingtalk.files import load_all
from alerting.dingtalk.people import load_people
from tapwatch.errors import ConfigError

INVALID = Path(__file__).parent / "invalid"


def faults_of(file: Path, folder: Path) -> str:
    """Of a copy beside a token, without the names of this machine's folders."""
    (folder / "ops.token").write_text("t0ken", encoding="utf-8")
    copy = folder / file.name
    copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        (load_people if file.stem == "people" else load_all)(copy)
    return f"{caught.value}\n".replace(str(folder), "DIR").replace(" or directory", "")


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_fault_is_told_with_its_line(file: Path, tmp_path: Path) -> None:
    assert faults_of(file, tmp_path) == file.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("buttons: {key_file: ./ops.token}", "buttons: needs outbox, and public_url, where phones reach this bridge"),
        ("reconcile: {}", "reconcile: needs outbox, which knows what was delivered, and alertmanagers"),
        ("watchdogs: {main: {tell: [night]}}", "watchdogs.main.tell: no robot is named 'night'"),
        ("outbox: sqlite://", "outbox: must be sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"),
        ("outbox: postgresql+psycopg://me:s3cret@host/name", "outbox: must not hold a password"),
    ],
)
def test_settings_that_need_each_other_say_so(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "ops.token").write_text("t0ken", encoding="utf-8")
    file = tmp_path / "dingtalk.yaml"
    file.write_text(f"robots: {{ops: {{access_token_file: ./ops.token}}}}\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_all(file)
    assert expected in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_people_are_named_as_they_are_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text('people: {li: {name: Li, mobile: "13800000000"}}\nteams: {a: {levels: [{people: [wang]}]}}\n')
    with pytest.raises(ConfigError, match=r"teams\.a\.levels\[0\]\.people: 'wang' is not in this file; there are: li"):
        load_people(file)


def test_no_number_shows_in_the_people(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text('people: {li: {name: Li, mobile: "13800000000"}}\n', encoding="utf-8")
    people = load_people(file)
    assert "13800000000" not in f"{people!r} {people} {people.model_dump()} {people.model_dump_json()}"
