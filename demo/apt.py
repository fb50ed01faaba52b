"""Ask apt about packages and download them, as an ordinary user: nothing is installed, nothing of the system's changes.

The system's package lists are used where they serve. Where they are missing or too old, apt keeps lists of the user's
own, from the same sources.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.child import end_with_parent
from tapwatch.cache import held
from tapwatch.errors import TapwatchError

Tell = Callable[[str], None]
"""Takes a line of progress for the person who waits."""

_POLL_SECONDS = 0.2
_QUIET_SECONDS = 2.0
"""The longest silence while something is going on."""

_NO_NEED = ("DEP-11", "CNF", "Contents-deb")
"""Lists that other programs make apt fetch along, some of them larger than those of packages."""

_OPTIONS = {
    "APT::Sandbox::User": "root",  # apt is to write as whoever runs it
    "Dir::Cache::pkgcache": "pkgcache.bin",  # images of Debian switch it off, and every question then takes a second
    "Dir::Cache::srcpkgcache": "",
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    "Acquire::http::Timeout": "10",
    "Acquire::https::Timeout": "10",
    **{f"Acquire::IndexTargets::deb::{name}::DefaultEnabled": "false" for name in _NO_NEED},
}
_TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query")
_SOURCES = "/etc/apt/sources.list and /etc/apt/sources.list.d"


@dataclass(frozen=True)
class Package:
    """What apt knows of a package."""

    name: str
    size: int
    """Of the archive, in bytes."""
    dependencies: tuple[str, ...]
    """Names, every alternative among them."""


class Apt:
    """apt-get and its kin, which keep what they write in `folder`."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        """Raises TapwatchError when this is no system with Debian's tools."""
        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            raise TapwatchError(
                f"this system has no {', '.join(missing)}: it is no Debian, and nothing can be fetched for it"
            )
        self._folder = folder
        self._tell = tell
        self._own_lists = self._updated = False
        self._trouble = ""
        (folder / "archives" / "partial").mkdir(parents=True, exist_ok=True)

    def packages(self, names: Iterable[str]) -> dict[str, Package]:
        """Those of `names` that can be downloaded; virtual and unknown ones are left out."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        answer = self._run(["apt-cache", *self._options(), "show", "--no-all-versions", *wanted])
        found = (_package(paragraph) for paragraph in answer.stdout.split("\n\n"))
        return {package.name: package for package in found if package}

    def required(self, name: str) -> Package:
        """The package, by own lists where the system's do not know it. Raises TapwatchError."""
        found = self.packages([name]).get(name)
        while found is None and self._turn_to_better_lists():
            found = self.packages([name]).get(name)
        if found is None:
            why = f"the package lists cannot be fetched: {self._trouble}" if self._trouble else "it is in none of them"
            raise TapwatchError(
                f"apt finds no package {name} in this system's package sources, as {why}; check the network and "
                f"the addresses in {_SOURCES}"
            )
        return found

    def download(self, packages: Sequence[Package], folder: Path, done: int = 0) -> dict[str, Path]:
        """The archives by package, in `folder`; `done` were downloaded before, for the count. Raises TapwatchError."""
        try:
            return self._downloaded(packages, folder, done)
        except TapwatchError:
            if not self._turn_to_better_lists():  # the lists may name versions that are not kept any more
                raise
        return self.download([self.required(package.name) for package in packages], folder, done)

    def extract(self, archive: Path, root: Path) -> None:
        """Unpack an archive into `root`. Raises TapwatchError."""
        name = archive.name.partition("_")[0]
        command = ["dpkg-deb", "--extract", str(archive), str(root)]
        _check(self._run(command, progress=lambda: self._tell(f"  {name}: unpacking")))

    def installed_files(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """What those packages hold that this system has installed."""
        asked = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}\\n", *names]
        lines = self._run(asked).stdout.splitlines()
        here = {name for status, _, name in (line.partition("|") for line in lines) if status.startswith("ii")}
        return {
            name: frozenset(self._run(["dpkg-query", "--listfiles", name]).stdout.splitlines()) for name in sorted(here)
        }

    def _options(self) -> list[str]:
        lists = {"Dir::State::Lists": str(self._folder / "lists")} if self._own_lists else {}
        settings = {**_OPTIONS, "Dir::Cache": str(self._folder), **lists}
        return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    def _turn_to_better_lists(self) -> bool:
        """From the system's lists to own ones as they are, and from those to new ones; False when these are had."""
        if self._updated:
            return False
        lists = self._folder / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        if self._own_lists or not any(lists.glob("*Packages*")):
            self._updated = True
            with held(self._folder / "lists.lock", "package lists"):
                self._update(lists)
        self._own_lists = True
        return True

    def _update(self, lists: Path) -> None:
        """A source that fails is no fault while the others have what is wanted: what it said is kept for that case."""
        self._own_lists = True
        self._tell("Fetching package lists, as the system has none that serve (apt-get update would make them) ...")
        answer = self._run(
            ["apt-get", "--quiet=2", *self._options(), "update"],
            progress=lambda: self._tell(f"  package lists: {_so_far(_size(lists))}"),
        )
        self._trouble = _reason(answer.stderr)

    def _downloaded(self, packages: Sequence[Package], folder: Path, done: int) -> dict[str, Path]:
        downloads = Downloads(packages, folder, done, self._tell)
        command = ["apt-get", "--quiet=2", *self._options(), "download", *(package.name for package in packages)]
        answer = self._run(command, folder, downloads.look, _POLL_SECONDS)
        _check(answer)
        downloads.finish()
        return {package.name: _archive(folder, package.name) for package in packages}

    def _run(
        self,
        command: Sequence[str],
        folder: Path | None = None,
        progress: Callable[[], None] = lambda: None,
        seconds: float = _QUIET_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and call `progress` every so many seconds meanwhile."""
        parent = os.getpid()
        with subprocess.Popen(  # noqa: S603 - the tools above
            command,
            cwd=folder or self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            preexec_fn=lambda: end_with_parent(parent),  # noqa: PLW1509 - the next try would meet it in the same folder
        ) as process:
            try:
                while True:
                    try:
                        out, errors = process.communicate(timeout=seconds)
                        break
                    except subprocess.TimeoutExpired:
                        progress()
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, errors)


class Downloads:
    """Tells of each archive that is complete, and of the bytes so far where nothing else would be told."""

    def __init__(
        self,
        packages: Sequence[Package],
        folder: Path,
        done: int,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch `folder`, into which `packages` come after `done` others."""
        self._clock = clock
        self._waiting = {package.name: package.size for package in packages}
        self._folder = folder
        self._done = done
        self._total = done + len(packages)
        self._tell = tell
        self._told = clock()

    def look(self) -> None:
        """Tell what has happened since the last look."""
        for name, size in list(self._waiting.items()):
            if self._bytes(name) >= size:
                self._complete(name)
        if self._waiting and self._clock() - self._told >= _QUIET_SECONDS:
            under_way = max(self._waiting, key=self._bytes)
            so_far, size = self._bytes(under_way), self._waiting[under_way]
            self._say(under_way, self._done + 1, f"{_megabytes(so_far)} of {_megabytes(size)}")

    def finish(self) -> None:
        """All of them are complete."""
        for name in list(self._waiting):
            self._complete(name)

    def _complete(self, name: str) -> None:
        self._done += 1
        self._say(name, self._done, _megabytes(self._waiting.pop(name)))

    def _say(self, name: str, number: int, what: str) -> None:
        self._told = self._clock()
        self._tell(f"  {name} ({number} of {self._total}): {what}")

    def _bytes(self, name: str) -> int:
        return sum(file.stat().st_size for file in self._folder.glob(f"{name}_*.deb"))


def _archive(folder: Path, name: str) -> Path:
    return next(folder.glob(f"{name}_*.deb"))


def _package(paragraph: str) -> Package | None:
    fields: Mapping[str, str] = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", paragraph, re.MULTILINE))
    if "Package" not in fields or "Size" not in fields:  # one that is only installed has no archive
        return None
    relations = ", ".join(fields.get(name, "") for name in ("Pre-Depends", "Depends"))
    names = (re.match(r"[a-z0-9.+-]+", part.strip()) for part in re.split(r"[,|]", relations))
    return Package(fields["Package"], int(fields["Size"]), tuple(dict.fromkeys(name[0] for name in names if name)))


def _check(answer: subprocess.CompletedProcess[str]) -> None:
    if answer.returncode != 0:
        reason = _reason(answer.stderr + answer.stdout) or f"exit status {answer.returncode}"
        raise TapwatchError(f"{answer.args[0]} failed: {reason}")


def _reason(text: str) -> str:
    """The first of apt's own words on what went wrong; nothing when it only grumbles."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    errors = [line for line in lines if re.match(r"E: |W: Failed to fetch |dpkg-deb: error", line)]
    return re.sub(r"^[EW]: |[.:]+$", "", errors[0]) if errors else ""


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _so_far(size: int) -> str:
    return f"{_megabytes(size)} so far" if size else "no answer yet"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
