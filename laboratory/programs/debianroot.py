"""A folder with the programs of a Debian release, to be entered with chroot: packages unpacked, nothing installed.

apt resolves the dependencies and checks every signature and hash; dpkg-deb unpacks. No maintainer script runs, so no
account is made and no service started, which takes a fraction of debootstrap's time.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tapwatch.errors import TapwatchError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Packages:
    """What a root holds."""

    suite: str
    """Debian's name of the release, as `trixie`."""
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    """Regular expressions over whole names: what the wanted ones depend on and these tests do not run."""
    alone: tuple[str, ...] = ()
    """Packages that bring nothing with them, even such as refuse to be installed beside the wanted ones."""


def unpack(packages: Packages, root: Path) -> None:
    """Fetch the packages with what they need, and unpack them into `root`. Raises TapwatchError with a sentence."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise TapwatchError(f"packages of Debian {packages.suite} cannot be fetched without {program}")
    scratch = root.with_name(f"{root.name}.packages")
    archives = scratch / "archives"
    for part in ("state/lists/partial", "cache/archives/partial", "archives"):
        (scratch / part).mkdir(parents=True)
    options = _options(scratch, packages.suite)
    _run(["apt-get", *options, "update"], archives)
    _run(["apt-get", *options, "download", *_needed(packages, options, archives)], archives)
    root.mkdir()
    with ThreadPoolExecutor(max_workers=2) as workers:
        for _ in workers.map(
            lambda file: _run(["dpkg-deb", "--extract", str(file), str(root)], archives), _all(archives)
        ):
            pass
    for name in ("passwd", "group"):
        shutil.copy(root / "usr/share/base-passwd" / f"{name}.master", root / "etc" / name)
    shutil.rmtree(scratch)


def _all(archives: Path) -> list[Path]:
    """Every archive; the one with the release's links at `/` first."""
    return sorted(archives.glob("*.deb"), key=lambda file: (not file.name.startswith("base-files_"), file.name))


def _options(scratch: Path, suite: str) -> list[str]:
    """apt-get on lists and a state of its own, with the keys and the mirror of this machine."""
    sources = scratch / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n", encoding="utf-8")
    status = scratch / "state" / "status"
    status.touch()
    settings = {
        "Dir::State": scratch / "state",
        "Dir::State::status": status,
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }
    return ["--quiet=2", *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]


def _mirror() -> str:
    """Where this machine has Debian's main archive from."""
    answer = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Identifier: Packages"], Path()
    )
    mirrors = [line for line in answer.splitlines() if not line.rstrip("/").endswith("-security")]
    if not mirrors or not KEYRING.exists():
        raise TapwatchError(
            "this machine has no package lists of Debian, or not its keys: run apt-get update on Debian 12 or later"
        )
    return mirrors[0]


def _needed(packages: Packages, options: Sequence[str], folder: Path) -> list[str]:
    """The wanted packages and all that they depend on, without the unwanted."""
    answer = _run(["apt-get", *options, "--print-uris", "--yes", "install", *packages.wanted], folder)
    names = re.findall(r"^'\S+' ([^_\s]+)_", answer, re.MULTILINE)
    return [*packages.alone, *(name for name in names if not re.fullmatch("|".join(packages.unwanted), name))]


def _run(command: list[str], folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr or result.stdout).strip() or f"exit status {result.returncode}"
        raise TapwatchError(f"{command[0]} failed: {reason}")
    return result.stdout
