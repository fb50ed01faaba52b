"""`tapwatch rules build` and `tapwatch check`, as people call them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from laboratory.rules.shipped import RULE_FILES
from tapwatch.cli import main

INVALID = Path(__file__).parent / "invalid"
WRITTEN = ["objectives.yaml", "samplings.yaml", "thresholds.yaml"]


def tapwatch(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def thresholds(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    line = "{limit: hot_storage_celsius, value: 65 °C, site: main, source: house rule}"
    file.write_text(f"thresholds:\n- {line}\n", encoding="utf-8")
    return file


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "dispensers.yaml"
    file.write_text("dispensers: [{name: lib-1f, site: main, address: 10.0.5.7/17}]", encoding="utf-8")
    return file


def test_the_shipped_files_are_in_step() -> None:
    result = tapwatch("rules", "build", "--check")
    assert result.exit_code == 0, result.output


def test_all_files_are_written_and_then_in_step(tmp_path: Path, thresholds: Path, inventory: Path) -> None:
    output = tmp_path / "rules"
    settings: list[str | Path] = ["--thresholds", thresholds, "--inventory", inventory, "--output", output]
    assert tapwatch("rules", "build", *settings).exit_code == 0
    assert sorted(file.name for file in output.iterdir()) == WRITTEN
    assert "65 * group by (site, module)" in (output / "thresholds.yaml").read_text(encoding="utf-8")
    assert tapwatch("rules", "build", *settings, "--check").exit_code == 0
    stale = tapwatch("rules", "build", "--output", output, "--check")
    assert stale.exit_code == 1
    assert f"not in step with what they are written from: {output / 'thresholds.yaml'}" in stale.output


def test_nothing_is_written_while_any_file_has_a_fault(tmp_path: Path) -> None:
    output = tmp_path / "rules"
    samplings = INVALID / "samplings-lines.yaml"
    objectives = INVALID / "objectives-values.yaml"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("thresholds: [{limit: nonsense, value: 1 %, source: x}]", encoding="utf-8")
    inventory = tmp_path / "dispensers.yaml"
    inventory.write_text("dispensers: [{name: ward-3, site: hospital, address: 10.0.5.7/17}]", encoding="utf-8")
    settings: list[str | Path] = [
        "--thresholds",
        wrong,
        "--samplings",
        samplings,
        "--objectives",
        objectives,
        "--inventory",
        inventory,
    ]
    result = tapwatch("rules", "build", *settings, "--output", output)
    assert result.exit_code == 2
    for file in (wrong, samplings, objectives):
        assert f"{file}:" in result.output
    assert not output.exists()


@pytest.mark.parametrize("what", ["thresholds", "samplings", "objectives"])
def test_check_tells_faults_with_their_lines(what: str) -> None:
    file = next(INVALID.glob(f"{what}-*.yaml"))
    result = tapwatch("check", what, file)
    assert result.exit_code == (2 if what != "samplings" else 0), result.output
    assert f"{file}:" in result.output


def test_check_says_how_much_a_good_file_sets(thresholds: Path, inventory: Path, tmp_path: Path) -> None:
    result = tapwatch("check", "thresholds", thresholds, "--inventory", inventory)
    assert (result.exit_code, result.output) == (0, f"{thresholds}: good; 1 limits set\n")
    samplings = tmp_path / "samplings.yaml"
    samplings.write_text("samplings: [{site: main, dispenser: lib-1f, taken: 2026-01-02}]", encoding="utf-8")
    result = tapwatch("check", "samplings", samplings, "--inventory", inventory)
    assert (result.exit_code, result.output) == (0, f"{samplings}: good; 1 dispensers sampled\n")


def test_what_is_written_is_among_the_shipped_rules() -> None:
    assert set(WRITTEN) <= {file.name for file in RULE_FILES}
