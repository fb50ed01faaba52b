"""Make or complete `.venv` (`$VENV`): `python -m requirements run`, or `dev`, which adds the tools to develop."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from requirements import SetUpError, environment, installation

ROOT = Path(__file__).parents[1]
KINDS = ("run", "dev")


def main(arguments: list[str]) -> int:
    """Complete the environment, and return the exit status. What goes wrong is a sentence on standard error."""
    if len(arguments) != 1 or arguments[0] not in KINDS:
        print("usage: requirements/venv.sh run|dev", file=sys.stderr)
        return 2
    folder = Path(os.environ.get("VENV") or ".venv")
    try:
        complete(folder.absolute(), arguments[0])
    except (SetUpError, OSError) as error:
        print(environment.explain(folder, error) if isinstance(error, OSError) else error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The same command completes the installation.", file=sys.stderr)
        return 130
    return 0


def complete(folder: Path, kind: str) -> None:
    """Bring the environment to what the files of this kind lock. Raises SetUpError, or OSError where it cannot write.

    A stamp says which files it was brought to the last time; while they are still these there is nothing to do.
    """
    if (folder / ".installed-dev").exists():
        kind = "dev"  # which holds all of run
    locks = [ROOT / "requirements" / f"{name}.txt" for name in (kind, "build")]
    stamp, wanted = folder / f".installed-{kind}", _digest([*locks, ROOT / "pyproject.toml"])
    if environment.is_whole(folder) and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    python = environment.make(folder)
    for lock in locks:
        installation.install(lock, python)
    _install_ourselves(python)
    installation.check(python)
    stamp.write_text(wanted, encoding="utf-8")


def _install_ourselves(python: Path) -> None:
    """Put this folder on the environment's path, and our commands into its `bin`. Raises SetUpError."""
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    command = [*installation.pip(python), "install", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SetUpError(f"Tapwatch itself was not installed; pip says:\n{result.stderr.strip()}")


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
