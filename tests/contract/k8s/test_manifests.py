"""What is written from other files is in step with them; and an overlay without its secrets is refused."""

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import alerting
from k8s.check import build_overlay, check_k8s
from k8s.command import command
from k8s.manifests import FOLDER, generated_manifests, stale_manifests, write_manifests
from k8s.secretfiles import PLACEHOLDER, check_secrets, make_secrets, secret_files
from laboratory.programs.gotools import ensure
from tapwatch.errors import ConfigError, TapwatchError
from tests.contract.k8s.built import OVERLAYS, Built, copy_manifests

pytestmark = pytest.mark.compiled

EXAMPLE = FOLDER / "secrets.example"


def test_manifests_are_in_step() -> None:
    assert stale_manifests(FOLDER, generated_manifests()) == []


def test_rules_are_all_rules_of_the_shipped_files(built: Built) -> None:
    shipped = {}
    for file in (Path(alerting.__file__).parent / "rules").glob("*.yaml"):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            shipped[group["name"]] = group["rules"]
    objects = built.of("PrometheusRule")
    found = {group["name"]: group["rules"] for one in objects for group in one["spec"]["groups"]}
    assert found == {name: rules for name, rules in shipped.items() if rules}


def test_a_manifest_that_is_not_in_step_is_named_and_written(tmp_path: Path) -> None:
    copy = tmp_path / "k8s"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("secrets"))
    rules = copy / "base" / "prometheus" / "rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("for: 1m", "for: 9m"), encoding="utf-8")
    assert stale_manifests(copy, generated_manifests()) == [rules]
    assert write_manifests(copy, generated_manifests()) == [rules]
    assert stale_manifests(copy, generated_manifests()) == []


def test_alerts_link_to_a_grafana_and_a_wiki_of_ones_own() -> None:
    texts = generated_manifests("https://grafana.example", "https://wiki.example/runbooks")
    rules = texts[Path("base/prometheus/rules.yaml")]
    assert "https://grafana.example/d/tapwatch-fleet" in rules
    assert "https://wiki.example/runbooks/Watchdog.md" in rules
    assert "127.0.0.1" not in rules


def test_the_command_finds_them_in_step() -> None:
    answer = CliRunner().invoke(command, ["build", "--check"])
    assert (answer.exit_code, answer.output.strip()) == (0, f"{FOLDER}: every file is in step")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The overlay production, without any secret."""
    shutil.copytree(FOLDER, tmp_path / "k8s", ignore=shutil.ignore_patterns("secrets"))
    return tmp_path / "k8s" / "overlays" / "production"


def test_an_overlay_without_its_secrets_is_refused_with_all_their_names(bare: Path) -> None:
    answer = CliRunner().invoke(check_k8s, [str(bare), "--kubectl", str(ensure("kubectl"))])
    assert answer.exit_code == 2
    names = sorted({file.name for file in EXAMPLE.iterdir()} - {"README.md"})
    for name in names:
        assert f"{bare / 'secrets' / name} is missing; " in answer.output
    assert answer.output.count(" is missing; ") == len(names)
    assert f"{bare / 'kustomization.yaml'}:" in answer.output
    assert f"{len(names)} faults." in answer.output


def test_kustomize_itself_refuses_it_too(tmp_path: Path) -> None:
    """Who forgets the check applies nothing either."""
    overlay = copy_manifests(tmp_path) / "production"
    shutil.rmtree(overlay / "secrets")
    with pytest.raises(TapwatchError, match=r"secrets/ops\.token"):
        build_overlay(overlay, ensure("kubectl"))


def test_the_example_is_refused_and_never_shown(bare: Path) -> None:
    shutil.copytree(EXAMPLE, bare / "secrets")
    with pytest.raises(ConfigError) as caught:
        check_secrets(bare)
    messages = [fault.message for fault in caught.value.faults]
    assert len(messages) == len({file for file in EXAMPLE.iterdir() if file.name != "README.md"})
    assert all("still holds the example's text" in message for message in messages)
    assert PLACEHOLDER not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"s3cret\n", "begins or ends with white space"),
        (b"\xff\xfe", "cannot be read: not UTF-8 text"),
    ],
)
def test_a_secret_that_cannot_be_right_is_named_and_not_shown(bare: Path, content: bytes, complaint: str) -> None:
    make_secrets(bare, all_of_them=True)
    (bare / "secrets" / "ops.token").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        check_secrets(bare)
    (fault,) = caught.value.faults
    assert complaint in fault.message
    assert str(bare / "secrets" / "ops.token") in fault.message
    assert "s3cret" not in str(fault)
    assert fault.path == "secretGenerator[0].files[0]"
    assert fault.line is not None


def test_secrets_are_made_once_for_their_owner_only_and_without_a_newline(bare: Path) -> None:
    made, missing = make_secrets(bare)
    assert {path.name for path in missing} == {"ops.token", "ops.secret", "zabbix.token"}
    assert len({path.read_text() for path in made}) == len(made)
    for path in made:
        assert path.stat().st_mode & 0o077 == 0
        assert path.read_text().strip() == path.read_text()
    assert make_secrets(bare) == ([], missing)
    again, nothing = make_secrets(bare, all_of_them=True)
    assert (set(again), nothing) == (set(missing), [])
    assert check_secrets(bare)


def test_the_command_names_what_it_cannot_make_and_shows_no_secret(bare: Path) -> None:
    answer = CliRunner().invoke(command, ["secrets", str(bare)])
    assert answer.exit_code == 0
    assert f"{bare / 'secrets' / 'ops.token'}: yours to write" in answer.output
    assert f"{bare / 'secrets' / 'webhook.token'}: made" in answer.output
    assert (bare / "secrets" / "webhook.token").read_text() not in answer.output


def test_the_check_shows_no_secret_and_counts_objects(overlays: Path) -> None:
    answer = CliRunner().invoke(check_k8s, [str(overlays / "dev"), "--kubectl", str(ensure("kubectl"))])
    assert answer.exit_code == 0, answer.output
    assert "1 Alertmanager" in answer.output
    for file in (overlays / "dev" / "secrets").iterdir():
        assert file.read_text() not in answer.output


def test_a_folder_that_is_no_overlay_says_what_would_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is none; name the folder of an overlay, as k8s/overlays/dev"):
        check_secrets(tmp_path)


def test_a_kubectl_that_is_not_there_is_named(overlays: Path) -> None:
    answer = CliRunner().invoke(check_k8s, [str(overlays / "dev"), "--kubectl", "no-such-kubectl"])
    assert answer.exit_code == 1
    assert "no-such-kubectl cannot be run" in answer.output


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_secret_file_has_its_example(overlays: Path, name: str) -> None:
    examples = {file.name for file in EXAMPLE.iterdir()}
    asked = {one.path.name for one in secret_files(overlays / name) if one.path.parent.name == "secrets"}
    assert asked
    assert asked <= examples
