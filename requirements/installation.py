"""Install exactly what lock files name: `python -m requirements.installation [--into PYTHON] [--no-compile] LOCK...`.

The virtual environment, the image and its builder, and the tests of the locks install by this, with one set of options.
`--into` is the Python of another environment, which needs no pip.
"""

import argparse
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from requirements import SetUpError, complaints
from requirements.progress import Progress

OPTIONS: Final = ("--no-deps", "--require-hashes", "--only-binary=:all:")
"""The lock alone says what comes: nothing is resolved, nothing is taken unseen, nothing is compiled."""

_PROGRESS_INTERVAL_S: Final = 2.0


def pip(python: Path, runner: Path | None = None) -> list[str]:
    """The command of a pip for this Python: its own, or that of the Python `runner`."""
    options = ["--disable-pip-version-check", "--no-input"]
    if runner is None or runner == python:
        return [str(python), "-m", "pip", *options]
    return [str(runner), "-m", "pip", "--python", str(python), *options]


def install(lock: Path, python: Path, *, runner: Path | None = None, compile_: bool = True) -> None:
    """Install the lock into the environment of this Python, telling how far it is. Raises SetUpError, or OSError."""
    remove_unfinished(python)
    command = [*pip(python, runner), "install", "--progress-bar=off", *OPTIONS, "--requirement", str(lock)]
    progress = Progress.of(lock.name, lock.read_text(encoding="utf-8"))
    status, output = _follow(command if compile_ else [*command, "--no-compile"], progress, site_packages(python))
    if status != 0:
        raise SetUpError(complaints.explain(output, lock.name))
    _tell(progress.summary())


def check(python: Path, *, runner: Path | None = None) -> None:
    """Ask pip whether every package has what it depends on. Raises SetUpError with what is missing."""
    result = subprocess.run([*pip(python, runner), "check"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SetUpError(
            f"What is installed for {python} does not fit together. `make clean` and the same command again help when "
            f"it has packages of an older lock; else `make lock` is due:\n{(result.stdout + result.stderr).strip()}"
        )


def site_packages(python: Path) -> Path:
    """Return where the packages of this Python are. Raises OSError when it does not run."""
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OSError(result.returncode, "it does not run", str(python))
    return Path(result.stdout.strip())


def remove_unfinished(python: Path) -> None:
    """Remove what a killed pip left, which the next pip would take for installed.

    pip writes INSTALLER when all files of a package are there. It sets what it replaces aside under a name with `~`.
    """
    folder = site_packages(python)
    halves = [info for info in folder.glob("*.dist-info") if not (info / "INSTALLER").exists()]
    for path in [*halves, *folder.glob("~*")]:
        _tell(f"removing {path.name}, which an interrupted installation left")
        shutil.rmtree(path)


def _follow(command: list[str], progress: Progress, packages: Path) -> tuple[int, list[str]]:
    """Run pip, tell every few seconds how far it is, and return its exit status and output."""
    output, ended, started = [], threading.Event(), time.monotonic()
    there_before = _count(packages)

    def report() -> None:
        while not ended.wait(_PROGRESS_INTERVAL_S):
            _tell(f"{time.monotonic() - started:4.0f} s: {progress.line(_count(packages) - there_before)}")

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - for the types: it is a pipe
        reporter = threading.Thread(target=report)
        reporter.start()
        try:
            for line in process.stdout:
                output.append(line.rstrip())
                progress.read(line)
        finally:
            ended.set()
            reporter.join()
    return process.returncode, output


def _count(packages: Path) -> int:
    return sum(1 for _ in packages.glob("*.dist-info/INSTALLER"))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Install what the command line names, check that it fits together, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m requirements.installation", description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, metavar="PYTHON", default=Path(sys.executable))
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="write no bytecode")
    parser.add_argument("locks", type=Path, metavar="LOCK", nargs="+")
    options = parser.parse_args()
    runner = Path(sys.executable)
    try:
        for lock in options.locks:
            install(lock, options.into, runner=runner, compile_=options.compile)
        check(options.into, runner=runner)
    except (SetUpError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
