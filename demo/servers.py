"""Where Prometheus, Alertmanager and their tools come from: PATH, else Debian's packages in the user's cache."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from demo import alertmanager, packages
from demo.debian import Program as Packaged
from tapwatch.cache import tell
from tapwatch.errors import TapwatchError

Program = Literal["prometheus", "promtool", "alertmanager", "amtool"]
Version = tuple[int, int]


@dataclass(frozen=True)
class Origin:
    """How programs are had that come together."""

    package: str
    """Debian's and Ubuntu's package; it may leave some of the programs to packages that it depends on."""
    programs: tuple[Packaged, ...]
    oldest: Version
    """The first version that knows everything in our rules (`keep_firing_for`) and routes."""
    finish: Callable[[Path], None] = lambda _: None
    """What is added to the unpacked package."""

    @property
    def needed(self) -> str:
        """The programs and their version, for a person."""
        return f"{' and '.join(one.name for one in self.programs)} {_text(self.oldest)} or later"


_ASSETS = '--web.local-assets="$root/usr/share/prometheus/web/"'
_ORIGINS = (
    Origin("prometheus", (Packaged("prometheus", arguments=_ASSETS), Packaged("promtool")), oldest=(2, 42)),
    Origin(
        "prometheus-alertmanager",
        (Packaged("alertmanager", alertmanager.EXECUTABLE), Packaged("amtool")),
        oldest=(0, 25),
        finish=alertmanager.make_runnable,
    ),
)


def locate(program: Program) -> Path:
    """Return the program's executable, fetched when PATH has none that serves. Raises TapwatchError with what to do."""
    origin, packaged = next((one, it) for one in _ORIGINS for it in one.programs if it.name == program)
    on_path = next((Path(path) for name in (program, packaged.executable) if (path := shutil.which(name))), None)
    refused = _refusal(program, on_path, origin.oldest) if on_path else ""
    if on_path and not refused:
        return on_path
    try:
        executable = _debians(program, origin)
    except TapwatchError as error:
        causes = "; ".join(cause for cause in (refused, str(error)) if cause)
        raise TapwatchError(f"{causes}; or put {origin.needed} on PATH") from error
    if refused:
        tell(f"{refused}; {executable} (Debian's, {_text(_version(executable))}) is taken.")
    return executable


def _debians(program: Program, origin: Origin) -> Path:
    def fault(folder: Path) -> str:
        answers = (_answer(folder / "bin" / one.name) for one in origin.programs)
        return next((answer for answer in answers if _parsed(answer) is None), "")

    executable = packages.unpacked(origin.package, origin.programs, origin.finish, fault) / "bin" / program
    if refused := _refusal(program, executable, origin.oldest):
        raise TapwatchError(refused)
    return executable


def _refusal(program: Program, executable: Path, oldest: Version) -> str:
    """Why the executable does not serve; nothing when it does."""
    answer = _answer(executable)
    version = _parsed(answer)
    if version is None:
        return f"{executable} --version does not answer as {program} does: {answer}"
    if version < oldest:
        return f"{executable} is version {_text(version)}, and {_text(oldest)} is needed"
    return ""


def _version(executable: Path) -> Version:
    return _parsed(_answer(executable)) or (0, 0)


def _answer(executable: Path) -> str:
    """What it prints when asked for its version; one of another architecture cannot even be started."""
    try:
        result = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - found by name
    except OSError as error:
        return error.strerror or str(error)
    except subprocess.TimeoutExpired as error:
        return f"no answer within {error.timeout:g} s"
    return (result.stdout + result.stderr).strip()[:500] or f"exit status {result.returncode}"


def _parsed(answer: str) -> Version | None:
    match = re.search(r"version (\d+)\.(\d+)", answer)
    return (int(match[1]), int(match[2])) if match else None


def _text(version: Version) -> str:
    return ".".join(map(str, version))
