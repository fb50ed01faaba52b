"""Every file in examples/ passes its own check, as it stands."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tapwatch.cli import main

EXAMPLES = Path("examples")
FILES = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
DISPENSERS = EXAMPLES / "dispensers"
MAPS = sorted(DISPENSERS.glob("maps/*.yaml"))

CHECKS: dict[Path, list[str]] = {
    DISPENSERS / "settings.yaml": ["dispenser-exporter", "--config.check", "--config.file"],
    DISPENSERS / "dispensers.yaml": ["check", "inventory", *(f"--map={path}" for path in MAPS)],
    **{path: ["check", "map"] for path in MAPS},
}
"""How each is checked; the file's name comes last."""


def test_every_example_has_a_check() -> None:
    assert set(CHECKS) == set(FILES)


@pytest.mark.parametrize("file", CHECKS, ids=str)
def test_every_example_is_good(file: Path) -> None:
    result = CliRunner().invoke(main, [*CHECKS[file], str(file)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert ": good" in result.stdout
