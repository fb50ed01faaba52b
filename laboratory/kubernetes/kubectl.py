"""The command that people use, to see that they would see the same."""

import subprocess
from pathlib import Path

from laboratory.programs.gotools import ensure


def kubectl(kubeconfig: Path, *arguments: str | Path) -> str:
    """What it prints, for people to read and to complain of."""
    options: list[str | Path] = ["--kubeconfig", kubeconfig, "--cache-dir", kubeconfig.parent / "kubectl"]
    command = [ensure("kubectl"), *options, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr
