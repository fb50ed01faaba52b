"""Debian's packages, unpacked into a folder of the user's: no root, no system service, nothing outside the folder."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tapwatch.errors import TapwatchError

_WEB_ASSETS = ("libjs-", "fonts-")
"""What a package depends on for its web pages: unpacked with it, as its links are relative."""


def unpack(package: str, folder: Path, lists: Path, companions: tuple[str, ...] = _WEB_ASSETS) -> None:
    """Download a package and unpack it into `folder`, which appears only when it is complete.

    What it depends on comes with it where the name begins as one of `companions`. `lists` is where package lists are
    kept when the system has none that can be used. Raises TapwatchError.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise TapwatchError(f"{package} cannot be fetched without {tool}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        apt, contents = _Apt(Path(scratch), lists), Path(scratch, "contents")
        wanted, seen = [package], {package}
        while wanted:
            archive = apt.download(wanted.pop())
            _run(["dpkg-deb", "--extract", str(archive), str(contents)], archive.parent)
            needed = {name for name in _dependencies(archive) if name.startswith(companions)}
            wanted += sorted(needed - seen)
            seen |= needed
        contents.rename(folder)


class _Apt:
    """apt-get with the system's package lists, else with lists of the user's own."""

    def __init__(self, scratch: Path, lists: Path) -> None:
        self._scratch = scratch
        self._lists = lists
        self._command = ["apt-get", "--quiet=2", "-o", "APT::Sandbox::User=root"]
        self._own_lists = False

    def download(self, package: str) -> Path:
        folder = self._scratch / package
        folder.mkdir()
        try:
            _run([*self._command, "download", package], folder)
        except TapwatchError:
            if self._own_lists:
                raise
            self._update_own_lists()
            _run([*self._command, "download", package], folder)
        return next(folder.glob("*.deb"))

    def _update_own_lists(self) -> None:
        for part in ("lists/partial", "archives/partial"):
            (self._lists / part).mkdir(parents=True, exist_ok=True)
        self._command += ["-o", f"Dir::State::Lists={self._lists}/lists", "-o", f"Dir::Cache={self._lists}"]
        self._own_lists = True
        _run([*self._command, "update"], self._scratch)


def _dependencies(archive: Path) -> list[str]:
    """The packages that an archive names under Depends; the first of alternatives."""
    field = _run(["dpkg-deb", "--field", str(archive), "Depends"], archive.parent)
    return [match[0] for part in field.split(",") if (match := re.match(r"[a-z0-9.+-]+", part.strip()))]


def _run(command: list[str], folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    if result.returncode != 0:
        reason = (result.stderr or result.stdout).strip() or f"exit status {result.returncode}"
        raise TapwatchError(f"{command[0]} failed: {reason}")
    return result.stdout
