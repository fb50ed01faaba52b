"""Settings files become models; what is wrong with them is told with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tapwatch.errors import ConfigError, Fault
from tapwatch.settings import (
    RelativePath,
    Seconds,
    Settings,
    load,
    parse_document,
    parse_duration,
    read_secret,
    spell,
    validate,
)


class Robot(Settings):
    """A part that stands in a mapping."""

    url: str
    token_file: RelativePath = Path("none")
    timeout: Seconds = 1.0


class Example(Settings):
    """A small settings file."""

    robots: dict[str, Robot] = {}  # noqa: RUF012 - pydantic copies defaults
    targets: list[Robot] = []  # noqa: RUF012 - as above
    port: int = 1


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(parse_document(text, "example.yaml"), Example, Path("/etc/tapwatch"))
    return [str(fault) for fault in caught.value.faults]


def test_an_empty_file_gives_the_defaults() -> None:
    assert validate(parse_document("", "example.yaml"), Example, Path()) == Example()


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text("robots: {ops: {url: here, token_file: ./ops.token}}", encoding="utf-8")
    assert load(file, Example).robots["ops"].token_file == tmp_path / "ops.token"


def test_every_fault_is_told_at_once_in_reading_order() -> None:
    assert faults_of("port: many\nrobots:\n  ops:\n    urll: x\n    timeout: 5\ntargets: 7\n") == [
        "example.yaml:1: port: input should be a valid integer, unable to parse string as an integer",
        "example.yaml:3: robots.ops.url: is missing",
        "example.yaml:4: robots.ops.urll: unknown key; did you mean 'url'?",
        "example.yaml:5: robots.ops.timeout: must be a duration such as 500ms, 15s or 1h30m, not '5'",
        "example.yaml:6: targets: input should be a valid list",
    ]


def test_a_key_that_is_like_none_is_answered_with_those_there_are() -> None:
    assert faults_of("colour: red") == ["example.yaml:1: colour: unknown key; known keys: port, robots, targets"]


def test_a_key_that_stands_twice_is_a_fault() -> None:
    assert faults_of("port: 1\nrobots: {}\nport: 2\n") == ["example.yaml:3: port: the key is already given on line 1"]


def test_a_list_where_a_mapping_belongs_is_a_fault() -> None:
    assert faults_of("- 1\n- 2\n") == ["example.yaml:1: must be a mapping (key: value)"]


@pytest.mark.parametrize("text", ["port: [1", "a: b: c", "\tport: 1", "port: &x [*x]", "!!python/object:os.system {}"])
def test_what_is_not_plain_yaml_is_told_with_the_file(text: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith("example.yaml")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml", Example)


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load(tmp_path / "binary.yaml", Example)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("15s", 15), ("1h30m", 5400), ("1d", 86400), ("0", 0), ("2w", 1209600)]
)
def test_durations_are_read_as_prometheus_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", ["", "5", 5, "s", "1s1h", "-1s", "1.5s", None])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(value)


@given(st.text(max_size=200))
def test_any_text_gives_a_document_or_a_clear_error(text: str) -> None:
    try:
        document = parse_document(text, "example.yaml")
    except ConfigError as error:
        found = error.faults
        assert all(isinstance(fault, Fault) and fault.file == "example.yaml" for fault in found)
    else:
        assert document.line(()) is not None


def test_a_path_is_spelled_as_people_read_it() -> None:
    assert spell(("dispensers", 2, "address")) == "dispensers[2].address"


def test_a_secret_is_read_without_the_white_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  s3cret\n", encoding="utf-8")
    secret = read_secret(tmp_path / "token")
    assert secret == SecretStr("s3cret")
    assert "s3cret" not in repr(secret)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ValueError, match="the secret's file"):
        read_secret(tmp_path / "token")


def test_a_fault_never_repeats_a_wrong_value_that_may_be_a_secret() -> None:
    class Guarded(Settings):
        """Holds a secret."""

        password: SecretStr

    with pytest.raises(ConfigError) as caught:
        validate(parse_document("password: [hunter2]", "x.yaml"), Guarded, Path())
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
