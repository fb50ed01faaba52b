"""An index, the oldest and the newest pip, and empty environments."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from requirements.installation import OPTIONS
from tapwatch.cache import cached, digest
from tests.contract.requirements.index import Index, serve
from tests.contract.requirements.locks import FOLDER, LOCKS, ROOT, entries, pinned, rehash


@dataclass(frozen=True)
class Empty:
    """An environment with a pip and nothing else, and what installs into it as `make dev` and the image's build do."""

    python: Path
    settings: dict[str, str]

    def install(self, lock: Path, *, into: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Install a lock here, or into the environment of another Python, which needs no pip."""
        other = ["--into", str(into)] if into else []
        command = [str(self.python), "-m", "requirements.installation", *other, "--no-compile", str(lock)]
        return subprocess.run(
            command, cwd=ROOT, env=self.settings, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    texts = (FOLDER.joinpath(lock).read_text(encoding="utf-8") for lock in LOCKS)
    packages = {pinned(entry) for text in texts for entry in entries(text)}
    with serve(packages, tmp_path_factory.mktemp("index")) as served:
        yield served


@pytest.fixture
def empty(request: pytest.FixtureRequest, index: Index, tmp_path: Path) -> Empty:
    """One with the oldest pip, or the one that the test asks for, which knows the test's index and nothing else."""
    python = make_environment(tmp_path / "empty")
    link = next(python.parents[1].glob("lib/python*/site-packages")) / "pip.pth"
    link.write_text(f"{_pip(getattr(request, 'param', 'oldest'))}\n", encoding="utf-8")
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0"}
    return Empty(python, {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings})


def make_environment(folder: Path) -> Path:
    """The Python of a virtual environment with nothing in it, not even a pip."""
    venv.EnvBuilder(symlinks=True).create(folder)
    return folder / "bin" / "python"


@pytest.fixture
def stub_lock(index: Index, tmp_path: Path) -> Callable[[str], Path]:
    """Lock files with the hashes of the index's stubs."""

    def write(lock: str) -> Path:
        file = tmp_path / Path(lock).name
        file.write_text(rehash(FOLDER.joinpath(lock).read_text(encoding="utf-8"), index.digests), encoding="utf-8")
        return file

    return write


def _pip(which: str) -> Path:
    """A folder with the pip of `requirements/pips`, fetched once."""
    lock = FOLDER / "pips" / f"{which}.txt"
    return cached(f"pip-{which}", digest([lock.read_bytes()]), partial(_fetch, lock))


def _fetch(lock: Path, folder: Path) -> None:
    options = ["--quiet", "--target", str(folder), *OPTIONS, "--requirement", str(lock)]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options], check=True)
