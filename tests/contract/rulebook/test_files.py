"""Files that people write: each `invalid/*.txt` holds the exact faults of the file beside it."""

from datetime import date
from pathlib import Path

import pytest

from alerting.rulebook.names import Names
from alerting.rulebook.objectives import load_objectives
from alerting.rulebook.samplings import load_samplings
from alerting.rulebook.thresholds import load_thresholds
from tapwatch.errors import ConfigError

INVALID = Path(__file__).parent / "invalid"
NAMES = Names({"lib-1f": "main", "ward-3": "hospital"}, frozenset({"default"}))
TODAY = date(2026, 5, 2)


def load(file: Path) -> object:
    match file.stem.partition("-")[0]:
        case "thresholds":
            return load_thresholds(file, NAMES if file.stem == "thresholds-names" else None)
        case "samplings":
            return load_samplings(file, TODAY, NAMES)
        case _:
            return load_objectives(file)


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_fault_of_a_file_is_told_at_once(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file)
    expected = file.with_suffix(".txt").read_text(encoding="utf-8")
    assert str(caught.value).replace(str(file), "FILE").splitlines() == expected.splitlines()


def test_the_last_of_several_samples_counts(tmp_path: Path) -> None:
    file = tmp_path / "samplings.yaml"
    lines = [f"- {{site: main, dispenser: lib-1f, taken: {day}}}" for day in ("2026-05-02", "2026-02-01")]
    file.write_text("samplings:\n" + "\n".join(lines), encoding="utf-8")
    assert load_samplings(file, TODAY, NAMES) == {("main", "lib-1f"): 1777680000.0}
