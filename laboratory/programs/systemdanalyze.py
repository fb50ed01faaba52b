"""systemd-analyze: the one on PATH, else Debian's in the user's cache."""

import os
import shutil
import subprocess
from pathlib import Path

from demo.debian import Program
from demo.packages import unpacked

_NAME = "systemd-analyze"


def analyze(*arguments: str | Path, units: Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, which finds units in the folder `units` and among systemd's own."""
    program, own = _program()
    path = [str(units), *([own] if own else []), ""]  # nothing at its end: those of this machine as well
    environment = os.environ | {"SYSTEMD_UNIT_PATH": ":".join(path)}
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)


def _program() -> tuple[str | Path, str]:
    """Return the program, and the folder of systemd's own units where this machine has none."""
    on_path = shutil.which(_NAME)
    if on_path is not None:
        return on_path, ""
    folder = unpacked("systemd", [Program(_NAME)])
    units = next(unit for lib in ("usr/lib", "lib") if (unit := folder / "root" / lib / "systemd/system").is_dir())
    return folder / "bin" / _NAME, str(units)
