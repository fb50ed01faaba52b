"""Programs of Debian's packages, unpacked into a folder of the user's and run from there: no root, no installation.

Packages are asked what they hold. A program that a package does not hold is looked for in what the package depends on;
a library that this machine lacks, and a file that a link points to, likewise. So it does not matter in which package
a release of Debian, or of one of its derivatives, keeps a thing.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from demo.apt import Apt, Package
from tapwatch.errors import TapwatchError

_PROGRAM_FOLDERS: Final = ("bin", "sbin")
_READING: Final = ("usr/share/doc/", "usr/share/man/")
"""Folders whose links lead to things to read, which are not missed."""
_LIKE: Final = 0.6
"""How much of a missing file's name stands in the name of a package that may hold it; 1 is all of it."""

_SCRIPT: Final = """\
#!/bin/sh
script=$(readlink -f -- "$0")
root=${{script%/bin/*}}/root
libraries="{libraries}"
{command}"""


@dataclass(frozen=True)
class Program:
    """One program of a package, and how it is run from where it was unpacked."""

    name: str
    """The script in `bin/` that runs it."""
    file: str = ""
    """Its file in the package, where that has another name."""
    arguments: str = ""
    """What comes before the caller's arguments, in a shell's words; `$root` and `$libraries` are what was unpacked."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for it, written likewise."""

    @property
    def executable(self) -> str:
        """The name of its file in the package."""
        return self.file or self.name


def fetch(package: str, programs: Sequence[Program], folder: Path, apt: Apt) -> None:
    """Unpack a package and what it lacks here into `folder/root`, and write `folder/bin/NAME` for each program.

    The scripts find the folder by their own place, so it may be moved as a whole. Raises TapwatchError.
    """
    root = folder / "root"
    with tempfile.TemporaryDirectory(dir=folder, prefix="archives-") as archives:
        found = _Unpacking(root, Path(archives), apt).take(package, [program.executable for program in programs])
    for program in programs:
        write_script(folder, program.name, _command(root, program, found[program.executable]))


def find(root: Path, name: str) -> Path | None:
    """The program's executable among what was unpacked."""
    found = (path for folder in _PROGRAM_FOLDERS for path in root.glob(f"**/{folder}/{name}"))
    return next((path for path in sorted(found) if path.is_file() and os.access(path, os.X_OK)), None)


def write_script(folder: Path, name: str, command: str) -> None:
    """Write `bin/NAME`, a shell script that knows `$root` and `$libraries`."""
    root, script = folder / "root", folder / "bin" / name
    script.parent.mkdir(exist_ok=True)
    libraries = ":".join(f"$root/{place.relative_to(root)}" for place in _library_folders(root))
    script.write_text(_SCRIPT.format(libraries=libraries, command=command), encoding="utf-8")
    script.chmod(0o755)


def _command(root: Path, program: Program, executable: Path) -> str:
    environment = dict(program.environment)
    if _library_folders(root):
        environment["LD_LIBRARY_PATH"] = "$libraries"
    exports = "".join(f'export {name}="{value}"\n' for name, value in environment.items())
    arguments = f"{program.arguments} " if program.arguments else ""
    return f'{exports}exec "$root/{executable.relative_to(root)}" {arguments}"$@"\n'


class _Unpacking:
    """One folder that fills with packages until nothing is missing."""

    def __init__(self, root: Path, archives: Path, apt: Apt) -> None:
        self._root = root
        self._archives = archives
        self._apt = apt
        self._unpacked: list[Package] = []

    def take(self, package: str, programs: Sequence[str]) -> dict[str, Path]:
        """Unpack the package, then what most likely holds the missing files, until none is missing.

        Returns the programs' executables. A link that stays without its target is no fault: a package may offer what it
        only suggests.
        """
        wanted = [self._apt.required(package)]
        while wanted:
            self._unpack(wanted)
            found = {name: path for name in programs if (path := find(self._root, name))}
            missing = {name for name in programs if name not in found} | self._missing_libraries(found.values())
            wanted = self._next(missing, self._dangling())
        if missing:
            raise TapwatchError(
                f"Debian's package {package} and those it depends on hold no {' and no '.join(sorted(missing))}"
            )
        return found

    def _unpack(self, packages: Sequence[Package]) -> None:
        done = len(self._unpacked)
        for archive in self._apt.download(packages, self._archives, done).values():
            self._apt.extract(archive, self._root)
            archive.unlink()
        self._unpacked += packages

    def _missing_libraries(self, executables: Iterable[Path]) -> set[str]:
        folders = _library_folders(self._root)
        return {name for executable in executables for name in _missing_libraries(executable, folders)}

    def _dangling(self) -> set[str]:
        """Paths that links point to, and where nothing is."""
        targets = (_target(self._root, link) for link in _links(self._root))
        return {target for target in targets if target and not os.path.lexists(self._root / target)}

    def _next(self, missing: set[str], links: set[str]) -> list[Package]:
        """For each missing file the package that is the most like it, of those not looked into yet."""
        if not missing and not links:
            return []
        names = {name for package in self._unpacked for name in package.dependencies} | missing
        candidates = self._candidates(names - {package.name for package in self._unpacked}, missing, links)
        chosen = {}
        for file in sorted(missing | links):
            stem = Path(file).name.partition(".so")[0].lower()
            likely = [package for package in candidates if file in missing or _likeness(stem, package.name) >= _LIKE]
            if likely:
                best = min(likely, key=lambda one: (-_likeness(stem, one.name), len(one.name), one.name))
                chosen[best.name] = best
        return list(chosen.values())

    def _candidates(self, names: set[str], missing: set[str], links: set[str]) -> list[Package]:
        """Packages that can be had, without those of this machine that say that they hold nothing of it."""
        installed = self._apt.installed_files(names)
        useless = {
            name
            for name, files in installed.items()
            if not any(file.lstrip("/") in links or Path(file).name in missing for file in files)
        }
        return list(self._apt.packages(names - useless).values())


def _likeness(stem: str, package: str) -> float:
    """The share of `stem` that the name of a package has in one piece, as `libjemalloc` and `libjemalloc2`."""
    return SequenceMatcher(None, stem, package, autojunk=False).find_longest_match().size / len(stem)


def _links(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() and not str(path.relative_to(root)).startswith(_READING):
                yield path


def _target(root: Path, link: Path) -> str:
    """Where a link leads, from `root`; nothing when that is outside of it."""
    place = os.path.normpath(link.parent / link.readlink()) if not link.readlink().is_absolute() else ""
    return os.path.relpath(place, root) if place.startswith(f"{root}/") else ""


def _library_folders(root: Path) -> list[Path]:
    """Where the libraries are among what was unpacked; a program's own may stand one folder deeper."""
    places = (
        place
        for lib in ("usr/lib", "lib")
        for deeper in ("", "/*")
        for place in root.glob(f"{lib}/*-linux-gnu*{deeper}")
    )
    return [folder for folder in sorted(places) if folder.is_dir() and any(folder.glob("lib*.so*"))]


def _missing_libraries(executable: Path, folders: Sequence[Path]) -> list[str]:
    """What the dynamic loader would not find; nothing for a program that needs none."""
    if shutil.which("ldd") is None:
        return []
    environment = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": ":".join(map(str, folders))}
    answer = subprocess.run(["ldd", executable], env=environment, capture_output=True, text=True, check=False)  # noqa: S603, S607 - the system's own
    lines = (line.split() for line in answer.stdout.splitlines() if line.endswith("=> not found"))
    return [words[0] for words in lines]
