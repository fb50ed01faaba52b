"""systemd-analyze: the one on PATH, else Debian's in the user's cache."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from demo import debian
from tapwatch.cache import cache_folder, cached, digest, tell

_LIBRARIES = (
    *("libsystemd", "libseccomp2", "libaudit", "libkmod2", "libapparmor1", "libmount1", "libblkid1", "libcap"),
    *("libgcrypt20", "libgpg-error0", "libip4tc2", "libssl3", "libcryptsetup12", "libfdisk1", "libp11-kit0", "libpam"),
)
"""What it needs and a machine without it may not have."""


def analyze(*arguments: str | Path, units: Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, which finds units in the folder `units` and among systemd's own."""
    program, environment = _program()
    path = {
        "SYSTEMD_UNIT_PATH": f"{units}:{environment.get('UNITS', '')}"
    }  # the colon at its end: systemd's own as well
    command = [program, *arguments]
    return subprocess.run(command, env=os.environ | environment | path, capture_output=True, text=True, check=False)


def _program() -> tuple[str | Path, Mapping[str, str]]:
    on_path = shutil.which("systemd-analyze")
    if on_path is not None:
        return on_path, {}
    system = Path("/etc/os-release").read_bytes()  # its libraries are of this release
    root = cached("systemd-analyze", digest([system, *map(str.encode, _LIBRARIES)]), _fetch) / "root"
    libraries = [folder for place in ("usr/lib", "lib") for folder in sorted((root / place).glob("*-linux-gnu*"))]
    own = [folder / "systemd" for folder in libraries]
    found = ":".join(str(folder) for folder in [*libraries, *own] if folder.is_dir())
    units = next(folder for place in ("usr/lib", "lib") if (folder := root / place / "systemd" / "system").is_dir())
    return root / "usr" / "bin" / "systemd-analyze", {"LD_LIBRARY_PATH": found, "UNITS": f"{units}:"}


def _fetch(folder: Path) -> None:
    tell("systemd-analyze: none on PATH; fetching Debian's")
    debian.unpack("systemd", folder / "root", cache_folder() / "apt", _LIBRARIES)
