"""The maintenance record: what is kept, what is added, and how it is read back."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.report.gather import month_starts, spell_month
from dashboards.report.record import COLUMNS, Month, merge, read_record, write_record
from tapwatch.errors import ConfigError, TapwatchError

DAYS = st.lists(st.dates(date(2024, 1, 1), date(2026, 12, 31)), max_size=3).map(lambda days: tuple(sorted(set(days))))
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
MONTHS = st.dates(date(2024, 1, 1), date(2026, 12, 31)).map(lambda day: f"{day:%Y-%m}")
LINES = st.builds(
    Month,
    site=NAMES,
    building=NAMES,
    floor=NAMES,
    dispenser=NAMES,
    month=MONTHS,
    maintained=DAYS,
    membrane_renewed=DAYS,
    coolest_hot_celsius=st.none() | st.integers(-100, 1100).map(lambda tenths: tenths / 10),
    liters=st.integers(0, 100_000).map(float),
    readings_ratio=st.integers(0, 1000).map(lambda thousandths: thousandths / 1000),
)


def line(month: str = "2026-01", readings: float = 1, *visits: date, coolest: float | None = 95) -> Month:
    return Month("a", "b", "1", "d", month, visits, coolest_hot_celsius=coolest, readings_ratio=readings)


@given(lines=st.lists(LINES, max_size=5))
def test_what_is_written_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, lines: list[Month]) -> None:
    file = tmp_path_factory.mktemp("record") / "record.csv"
    write_record(file, lines)
    assert read_record(file) == lines


@given(kept=st.lists(LINES, max_size=5), found=st.lists(LINES, max_size=5))
def test_merging_again_changes_nothing_and_loses_no_visit(kept: list[Month], found: list[Month]) -> None:
    once = merge(kept, found)
    assert merge(once, found) == merge(once, once) == once
    visits = {(one.place, one.month, day) for one in (*kept, *found) for day in one.maintained}
    assert {(one.place, one.month, day) for one in once for day in one.maintained} == visits


def test_what_prometheus_has_forgotten_is_not_lost() -> None:
    full, forgotten = line("2026-01", 0.99, date(2026, 1, 5)), line("2026-01", 0.1, coolest=None)
    assert merge([full], [forgotten]) == [full]
    assert merge([forgotten], [full]) == [full]


def test_visits_of_both_stand_in_one_line() -> None:
    (merged,) = merge([line("2026-01", 0.4, date(2026, 1, 5))], [line("2026-01", 0.5, date(2026, 1, 25))])
    assert merged.maintained == (date(2026, 1, 5), date(2026, 1, 25))


@pytest.mark.parametrize(
    ("coolest", "readings", "exempt"),
    [(90, 0.95, True), (89.9, 1, False), (95, 0.949, False), (None, 1, False)],
)
def test_ninety_degrees_are_proven_by_readings_throughout(
    coolest: float | None,
    readings: float,
    exempt: bool,  # noqa: FBT001 - the case's outcome
) -> None:
    assert line("2026-01", readings, coolest=coolest).exempt is exempt


def test_no_file_is_an_empty_record(tmp_path: Path) -> None:
    assert read_record(tmp_path / "none.csv") == []


def test_every_fault_of_a_record_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "record.csv"
    rows = [
        ",".join(COLUMNS),
        "a,b,1,d,2026-01,2026-01-05,,95.0,10,1.000",
        "a,b,1,d,January,,,95.0,10,1.000",
        "a,b,1,d,2026-01,yesterday,,95.0,10,1.000",
        "a,b,1,d,2026-01,,,hot,10,1.000",
        "a,b,1,,2026-01,,,95.0,10,1.000",
        "a,b,1",
    ]
    file.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_record(file)
    assert [str(fault).removeprefix(f"{file}:") for fault in caught.value.faults] == [
        "3: month: must be a month such as 2026-01, not 'January'",
        "4: maintained: must be dates such as 2026-01-31, with blanks between, not 'yesterday'",
        "5: coolest_hot_celsius: must be a number, not 'hot'",
        "6: dispenser: is missing",
        "7: must have 10 cells",
    ]


def test_another_csv_file_is_not_taken_for_a_record(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("name,site\nx,y\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is no record: its first line must be site,building"):
        read_record(file)


def test_a_record_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(TapwatchError, match="cannot be written"):
        write_record(tmp_path / "missing" / "record.csv", [line()])


def test_two_years_begin_with_the_first_of_a_month() -> None:
    starts = month_starts(datetime(2026, 1, 31, 12, tzinfo=UTC), 24)
    assert [spell_month(start) for start in (starts[0], starts[-2], starts[-1])] == ["2024-01", "2025-12", "2026-01"]
    assert len(starts) == 25
    assert all((start.day, start.hour) == (1, 0) for start in starts)
