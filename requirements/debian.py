"""A package of Debian's for somebody who is not root and has no package lists."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from requirements import SetUpError

_APT = ["apt-get", "--quiet=2", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]


def unpack(package: str, folder: Path) -> None:
    """Download a package, by the system's lists or else by lists of the user's, and unpack it. Raises SetUpError."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SetUpError(f"there is no {tool} here")
    try:
        _run([*_APT, "download", package], folder)
    except SetUpError:
        print("The system has no package lists to use: fetching them, some 10 MB ...", file=sys.stderr)
        apt = [*_APT, *_own_lists(folder)]
        complaints = _run([*apt, "update"], folder)
        try:
            _run([*apt, "download", package], folder)
        except SetUpError as error:
            raise SetUpError(complaints or str(error)) from error
    _run(["dpkg-deb", "--extract", str(next(folder.glob("*.deb"))), str(folder)], folder)


def _own_lists(scratch: Path) -> list[str]:
    """Name lists in the user's cache, where the demo uses them too, or in `scratch` where that is closed."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(cache, "tapwatch", "apt")
    try:
        _make_folders(folder)
    except OSError:
        folder = scratch / "apt"
        _make_folders(folder)
    return ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}"]


def _make_folders(folder: Path) -> None:
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        if not os.access(folder / part, os.W_OK):
            raise PermissionError(folder)


def _run(command: list[str], folder: Path) -> str:
    """Run it, and return what it complained about. Raises SetUpError with the first complaint."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    complaint = next((line for line in result.stderr.splitlines() if line.startswith(("E:", "W:"))), "")
    if result.returncode != 0:
        raise SetUpError(complaint or f"{command[0]} ended with {result.returncode}")
    return complaint
