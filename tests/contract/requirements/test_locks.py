"""The locks are in step with what the project asks for, and with each other."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contract.requirements.locks import FOLDER, LOCKS, ROOT, entries, pinned

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN = PROJECT["project"]["dependencies"]
DEV = RUN + PROJECT["project"]["optional-dependencies"]["dev"]


def asked_for(lock: str) -> list[Requirement]:
    """What a lock is made from."""
    if lock in {"run.txt", "dev.txt"}:
        return [Requirement(text) for text in (RUN if lock == "run.txt" else DEV)]
    lines = FOLDER.joinpath(lock).with_suffix(".in").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return wanted + [Requirement(text) for text in PROJECT["build-system"]["requires"] if lock == "build.txt"]


def missing(wanted: list[Requirement], lock: str) -> list[str]:
    """What the text of a lock has not, or not in a version that will do, or without its extras."""
    locked = [(*pinned(entry), entry.extras) for entry in entries(lock)]
    return [
        str(want)
        for want in wanted
        if not any(
            canonicalize_name(want.name) == name and version in want.specifier and want.extras <= extras
            for name, version, extras in locked
        )
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_asked_for_is_locked(lock: str) -> None:
    unlocked = missing(asked_for(lock), FOLDER.joinpath(lock).read_text(encoding="utf-8"))
    assert unlocked == [], f"requirements/{lock} lacks {', '.join(unlocked)}: make lock LOCK_ARGS="


@pytest.mark.parametrize("want", ["six", "wheel>=2", "wheel[test]", "wheel==1.1"])
def test_dependency_that_is_not_locked_is_found(want: str) -> None:
    assert missing([Requirement(want), Requirement("Wheel>=1")], "wheel==1.0 \\\n    --hash=sha256:0\n") == [want]


def test_package_of_several_locks_has_one_version() -> None:
    """They are installed into one environment, one after the other."""
    versions: dict[tuple[str, str], set[str]] = {}
    for lock in LOCKS:
        if not lock.startswith("pips/"):
            for entry in entries(FOLDER.joinpath(lock).read_text(encoding="utf-8")):
                name, version = pinned(entry)
                versions.setdefault((name, str(entry.marker)), set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_index(lock: str) -> None:
    assert "://" not in FOLDER.joinpath(lock).read_text(encoding="utf-8")
