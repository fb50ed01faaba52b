"""Where Prometheus, Alertmanager and their tools come from: PATH, else Debian's packages in the user's cache.

Removing the cache folder removes all that was fetched.
"""

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from demo import debian
from tapwatch.cache import cache_folder
from tapwatch.errors import TapwatchError

Program = Literal["prometheus", "promtool", "alertmanager", "amtool"]


@dataclass(frozen=True)
class Origin:
    """How a program is had."""

    package: str
    """Debian's and Ubuntu's package."""
    executables: tuple[str, ...]
    """Its file's name: upstream first, then in the package."""
    oldest: tuple[int, int]
    """The first version that knows everything in our rules (`keep_firing_for`) and routes."""


_PROMETHEUS, _ALERTMANAGER = (2, 42), (0, 25)
ORIGINS: dict[Program, Origin] = {
    "prometheus": Origin("prometheus", ("prometheus",), _PROMETHEUS),
    "promtool": Origin("prometheus", ("promtool",), _PROMETHEUS),
    "alertmanager": Origin("prometheus-alertmanager", ("alertmanager", "prometheus-alertmanager"), _ALERTMANAGER),
    "amtool": Origin("prometheus-alertmanager", ("amtool",), _ALERTMANAGER),
}

# Debian's Alertmanager reads its templates from this fixed folder, which only an installation would make.
_ASSETS = b"/usr/share/prometheus/alertmanager"
_ASSETS_DESCRIPTOR = b"/proc/self/fd/9"


def locate(program: Program) -> Path:
    """The program's executable, fetched when it is not on PATH. Raises TapwatchError with what to do."""
    origin = ORIGINS[program]
    found = next((path for name in origin.executables if (path := shutil.which(name))), None)
    executable = Path(found) if found else _fetched(origin) / "bin" / program
    _require_version(program, executable)
    return executable


def _require_version(program: Program, executable: Path) -> None:
    answer = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found by name
    match = re.search(r"version (\d+)\.(\d+)", answer.stdout + answer.stderr)
    if match is None:
        raise TapwatchError(f"{executable} --version does not answer as {program} does: {answer.stderr.strip()}")
    version, oldest = (int(match[1]), int(match[2])), ORIGINS[program].oldest
    if version < oldest:
        needed = ".".join(map(str, oldest))
        raise TapwatchError(f"{executable} is version {match[1]}.{match[2]}; put {program} {needed} or later on PATH")


def _fetched(origin: Origin) -> Path:
    """The cache folder of a package; its programs stand in `bin/`, ready to run from where they are."""
    folder = cache_folder() / "servers" / origin.package
    programs = [program for program, one in ORIGINS.items() if one.package == origin.package]
    with _lock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            print(f"Fetching {' and '.join(programs)} (Debian's package {origin.package}) ...", file=sys.stderr)  # noqa: T201 - progress
            try:
                debian.unpack(origin.package, folder, cache_folder() / "apt")
            except TapwatchError as error:
                raise TapwatchError(f"put {' and '.join(programs)} on PATH: {error}") from error
        for program in programs:
            _make_runnable(program, folder)
    return folder


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Two commands that start at once fetch a package once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make_runnable(program: Program, root: Path) -> None:
    """Write `bin/PROGRAM`, which runs the unpacked executable with its own assets, whatever folder it is called in."""
    script, executable = root / "bin" / program, root / "usr" / "bin" / ORIGINS[program].executables[-1]
    if script.exists():
        return
    script.parent.mkdir(exist_ok=True)
    arguments, prelude = "", ""
    if program == "prometheus":
        arguments = f'--web.local-assets="{root}/usr/share/prometheus/web/" '
    elif _ASSETS in (content := executable.read_bytes()):
        # The folder's name is replaced by one of the same length, so that nothing else in the executable moves.
        executable = script.with_suffix(".patched")
        executable.write_bytes(content.replace(_ASSETS, _ASSETS_DESCRIPTOR.ljust(len(_ASSETS), b"/")))
        executable.chmod(0o755)
        prelude = f'exec 9<"{root}{_ASSETS.decode()}"\n'
    script.write_text(f'#!/bin/sh\n{prelude}exec "{executable}" {arguments}"$@"\n', encoding="utf-8")
    script.chmod(0o755)
