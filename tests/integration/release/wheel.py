"""Build the wheel, and install it with the locked requirements where nothing else is."""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and what it requires, used from an empty folder."""

    environment: Path
    folder: Path

    def run(self, *words: str, timeout: float = 60, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, with `more` added to the process's own environment variables."""
        program = self.environment / "bin" / words[0]
        variables = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        return subprocess.run(
            [program, *words[1:]],
            cwd=self.folder,
            env=variables | more,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def python(self, code: str) -> str:
        """Run code in the environment's Python; return what it prints."""
        answer = self.run("python", "-c", code, timeout=300)
        if answer.returncode != 0:
            raise AssertionError(answer.stderr)
        return answer.stdout


def install(folder: Path) -> Installed:
    """Build and install below `folder`, which has to be outside of the checkout."""
    environment, empty = folder / "environment", folder / "empty"
    empty.mkdir()
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist")
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", str(python))
    _run(*pip, "install", "--no-deps", "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    _run(*pip, "install", "--no-deps", "--no-index", wheel)
    _run(*pip, "check")
    return Installed(environment, empty)


def _run(*command: str | Path) -> None:
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise AssertionError(f"{command}: {answer.stdout}{answer.stderr}")
