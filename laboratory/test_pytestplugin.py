"""The levels of tests: what is left out is counted and told, and whoever may not compile is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest
from laboratory.programs.compiling import require_compiling

def test_plain(): pass

@pytest.mark.compiled
def test_compiled(): require_compiling("kubectl")

@pytest.mark.slow
def test_slow(): pass

def test_forgotten(request):
    with pytest.raises(Exception, match="kubectl is compiled"):
        require_compiling("kubectl")
"""
FORGOTTEN = "--deselect=test_levels.py::test_forgotten"


def run(folder: Path, *options: str, tests: str = TESTS, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run these tests in a pytest of their own."""
    (folder / "test_levels.py").write_text(tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "laboratory.pytestplugin", "-p", "no:cacheprovider", *options]
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "TAPWATCH_COMPILE"}}
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    settings = kept | {"PYTHONPATH": paths} | environment
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two"])
def test_what_needs_more_is_left_out_and_told(tmp_path: Path, processes: list[str]) -> None:
    answer = run(tmp_path, *processes)
    assert answer.returncode == 0, answer.stdout
    assert "2 passed" in answer.stdout
    assert "2 tests need compiled programs, root or patience and were left out" in answer.stdout
    assert "make test-all, or pytest --everything as root" in answer.stdout


def test_everything_runs_when_it_is_asked_for(tmp_path: Path) -> None:
    answer = run(tmp_path, "--everything", FORGOTTEN)
    assert answer.returncode == 0, answer.stdout
    assert "3 passed" in answer.stdout
    assert "left out" not in answer.stdout


def test_a_skipped_test_fails_in_ci(tmp_path: Path) -> None:
    tests = 'import pytest\ndef test_it(): pytest.skip("not today")\n'
    assert run(tmp_path, tests=tests).returncode == 0
    answer = run(tmp_path, tests=tests, CI="true")
    assert answer.returncode == 1
    assert "skipped, which CI does not allow" in answer.stdout
