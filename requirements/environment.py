"""An empty virtual environment with a pip, also where Python comes without one, and without root."""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from requirements import SetUpError, debian, installation

_UNFINISHED = ".unfinished"
"""Stands in an environment until it has a pip."""


def is_whole(folder: Path) -> bool:
    """Say whether the environment was made to its end, and its Python runs and is the one that it was made for."""
    try:
        return installation.site_packages(folder / "bin" / "python").is_dir() and not (folder / _UNFINISHED).exists()
    except OSError:
        return False


def make(folder: Path) -> Path:
    """Return the environment's Python, which has a pip. Raises SetUpError, or OSError where it cannot write.

    What an interrupted call left is made anew, and so is an environment whose Python went away or became another one.
    """
    python = folder / "bin" / "python"
    if not is_whole(folder):
        _empty(folder)
        print(f"Making {folder} with Python {sys.version.split()[0]} ...", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _UNFINISHED).touch()
        venv.EnvBuilder(symlinks=True).create(folder)
    installation.remove_unfinished(python)
    _provide_pip(python)
    (folder / _UNFINISHED).unlink(missing_ok=True)
    return python


def explain(folder: Path, error: OSError) -> str:
    """Say what to do when the environment cannot be written."""
    return (
        f"{folder} cannot be written ({error.strerror}: {error.filename}). Make it writable, or set VENV to a "
        "folder of yours: make dev VENV=$HOME/tapwatch-venv"
    )


def _empty(folder: Path) -> None:
    """Remove all that is in an environment. Raises SetUpError when it looks as if it were something else."""
    content = list(folder.iterdir()) if folder.is_dir() else []
    if content and not any((folder / mark).exists() for mark in ("pyvenv.cfg", _UNFINISHED)):
        raise SetUpError(f"{folder} is not empty and not a virtual environment; set VENV to another folder.")
    for path in content:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _provide_pip(python: Path) -> None:
    """Install a pip: Python's own copy, else Debian's. Raises SetUpError with what to install."""
    if _succeeds([python, "-c", "import importlib.metadata; importlib.metadata.version('pip')"]):
        return
    if _succeeds([python, "-m", "ensurepip", "--default-pip"]):
        return
    print("This Python brings no pip: fetching Debian's ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="tapwatch-pip-") as scratch:
        try:
            debian.unpack("python3-pip-whl", Path(scratch))
        except SetUpError as error:
            raise SetUpError(
                f"This Python brings no pip, and Debian's could not be fetched ({error}). As root: apt-get update && "
                "apt-get install python3-venv; then the same command again."
            ) from error
        wheel = next(Path(scratch).glob("usr/share/python-wheels/pip-*.whl"))
        if not _succeeds([python, wheel / "pip", "install", "--quiet", "--no-index", wheel]):
            raise SetUpError("Debian's pip does not run. As root: apt-get install python3-venv; then the same command.")


def _succeeds(command: list[str | Path]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
