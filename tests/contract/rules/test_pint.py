"""What pint, a linter of Prometheus rules, says of ours; .pint.hcl holds the exceptions."""

import subprocess
from pathlib import Path

import pytest

from laboratory.programs.gotools import ensure
from laboratory.rules.shipped import ALERTING, RULE_FILES

pytestmark = pytest.mark.compiled

ROOT = ALERTING.parent


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """What pint answers about `alerting/rules` in a folder."""
    settings: list[str | Path] = ["--offline", "--no-color", "--config", ROOT / ".pint.hcl"]
    command = [ensure("pint"), *settings, "lint", "--min-severity=info", "--fail-on=info", "alerting/rules"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_pint_finds_nothing_wrong_with_the_rules() -> None:
    answer = lint(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    entries = sum(file.read_text(encoding="utf-8").count("expr:") for file in RULE_FILES)
    assert f"entries={entries}" in answer.stderr + answer.stdout


def test_pint_sees_the_rules_and_would_speak(tmp_path: Path) -> None:
    rules = tmp_path / "alerting" / "rules"
    rules.mkdir(parents=True)
    dispenser = (ALERTING / "rules" / "dispenser.yaml").read_text(encoding="utf-8")
    assert "{severity: critical, team: facilities}" in dispenser
    broken = dispenser.replace("{severity: critical, team: facilities}", "{severity: fatal, team: facilities}")
    (rules / "dispenser.yaml").write_text(broken, encoding="utf-8")
    answer = lint(tmp_path)
    assert answer.returncode == 1
    assert "severity" in answer.stdout + answer.stderr
