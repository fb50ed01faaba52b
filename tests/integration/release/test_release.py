"""`make release`: what is in it, that it is the same every time, and when there is none."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from images.locked import Locked, constraints, read_lock
from images.manifests import render_overlays
from images.release import project_version, release_faults, write_python, write_sums
from laboratory.programs.gotools import ensure
from tests.integration.release.wheel import ROOT

CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-12-01\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of version 1.2.0 that is ready for its release."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n', encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    (folder / "Containerfile").write_text('LABEL org.opencontainers.image.version="1.2.0"\n', encoding="utf-8")
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.com", "-c", "tag.gpgsign=false")
    subprocess.run(["/usr/bin/env", "git", *who, *words], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "A change")


def faults(folder: Path, *, allow_dirty: bool = False) -> list[str]:
    return [str(fault) for fault in release_faults(folder, project_version(folder), allow_dirty=allow_dirty)]


def test_a_project_that_is_ready_has_no_faults(project: Path) -> None:
    git(project, "tag", "v1.2.0")
    assert faults(project) == []


def test_what_no_commit_has_is_refused_unless_it_is_a_try(project: Path) -> None:
    (project / "new.py").touch()
    advice = "commit or remove it, or give --allow-dirty for a try"
    assert faults(project) == [f"new.py: is not as in the last commit; {advice}"]
    assert faults(project, allow_dirty=True) == []


def test_every_place_that_has_another_version_is_told(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nversion = "1.3.0"\n', encoding="utf-8")
    commit(project)
    heading = "'## 1.3.0 - YEAR-MONTH-DAY'"
    assert faults(project) == [
        f"CHANGELOG.md: has no section of version 1.3.0; give what is under Unreleased the heading {heading}",
        "Containerfile: its label org.opencontainers.image.version is not 1.3.0",
    ]


@pytest.mark.parametrize("words", [("tag", "v1.2.0"), ("tag", "--annotate", "--message=Ours", "v1.2.0")])
def test_a_version_that_another_commit_has_is_refused(project: Path, words: tuple[str, ...]) -> None:
    git(project, *words)
    assert faults(project) == []
    commit(project)
    assert faults(project) == ["pyproject.toml: project.version: v1.2.0 is the tag of another commit; raise it"]


def test_a_lock_is_read_with_extras_markers_and_hashes() -> None:
    one, other = "1" * 64, "2" * 64
    text = (
        f"aiohttp==3.14.5 \\\n    --hash=sha256:{one} \\\n    --hash=sha256:{other}\n"
        f"numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:{one}\n"
        f"psycopg[binary]==3.2.9 \\\n    --hash=sha256:{other}\n"
    )
    lock = read_lock(text)
    assert lock == [
        Locked("aiohttp", "3.14.5", "", (one, other)),
        Locked("numpy", "2.4.6", "python_full_version < '3.12'", (one,)),
        Locked("psycopg", "3.2.9", "", (other,)),
    ]
    assert constraints(lock) == "aiohttp==3.14.5\nnumpy==2.4.6 ; python_full_version < '3.12'\npsycopg==3.2.9\n"


def test_no_pin_of_the_lock_is_lost() -> None:
    text = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    lock = read_lock(text)
    assert len(lock) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    assert sum(len(one.hashes) for one in lock) == text.count("--hash=sha256:")


def test_wheel_and_source_have_the_same_bytes_whoever_builds_them(tmp_path: Path) -> None:
    built = []
    for name, mask in (("first", 0o022), ("second", 0o077)):
        folder = tmp_path / name
        folder.mkdir()
        before = os.umask(mask)
        try:
            write_python(ROOT, folder, "0.1.0")
        finally:
            os.umask(before)
        built.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert list(built[0]) == [
        "tapwatch-0.1.0-constraints.txt",
        "tapwatch-0.1.0-py3-none-any.whl",
        "tapwatch-0.1.0-wheel.cdx.json",
        "tapwatch-0.1.0.tar.gz",
    ]
    assert [name for name, content in built[0].items() if built[1][name] != content] == []


def test_the_list_of_parts_names_every_pin_with_its_hashes(tmp_path: Path) -> None:
    write_python(ROOT, tmp_path, "0.1.0")
    lock = read_lock((ROOT / "requirements" / "run.txt").read_text(encoding="utf-8"))
    parts = json.loads((tmp_path / "tapwatch-0.1.0-wheel.cdx.json").read_text(encoding="utf-8"))
    assert parts["metadata"]["component"]["purl"] == "pkg:pypi/tapwatch@0.1.0"
    found = {
        (part["name"], part["version"]): {one["content"] for one in part["hashes"]} for part in parts["components"]
    }
    assert found == {(one.name, one.version): set(one.hashes) for one in lock}


def test_sums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one", encoding="utf-8")
    (tmp_path / "b").write_text("two", encoding="utf-8")
    write_sums(tmp_path)
    command = ["/usr/bin/env", "sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "b").write_text("three", encoding="utf-8")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.mark.compiled
def test_rendered_manifests_hold_no_secret_and_ask_for_every_one(tmp_path: Path) -> None:
    rendered = render_overlays(str(ensure("kubectl")), tmp_path)
    assert sorted(rendered) == ["ack", "dev", "gke", "kind", "production", "staging"]
    made = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("secrets/*")]
    assert made
    for text in rendered.values():
        assert not [secret for secret in made if secret in text]
        head, _, rest = text.partition("\n---\n")
        objects = list(yaml.load_all(rest, yaml.CSafeLoader))
        assert {one["metadata"]["name"].rpartition("-")[0] for one in objects if one["kind"] == "Secret"} == {
            "alertmanager-settings"
        }
        asked = set(re.findall(r"^#   [\w-]+/([\w-]+) ", head, re.MULTILINE))
        assert {"dingtalk", "webhook", "postgresql-tapwatch"} <= asked
        (bridge,) = [one for one in objects if one["kind"] == "Deployment" and one["metadata"]["name"] == "dingtalk"]
        assert "name: dingtalk\n" in yaml.safe_dump(bridge["spec"]["template"]["spec"]["volumes"])


def test_an_output_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    words = ["--no-image", "--allow-dirty", f"--output={tmp_path}"]
    command = [sys.executable, "-m", "images.release", *words]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert (
        answer.stderr == f"error: {tmp_path} holds something else than a release; empty it, or give another --output\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
