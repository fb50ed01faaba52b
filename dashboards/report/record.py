"""The record: a line for each dispenser and month, in a CSV file that is read and added to again and again."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Final

from tapwatch.errors import ConfigError, Fault, TapwatchError
from tapwatch.settings import read_text

Place = tuple[str, str, str, str]
"""Site, building, floor, dispenser."""

PROVEN_READINGS: Final = 0.95
"""Our own choice: the share of a month's hours with readings from which on its coolest moment counts as known."""
EXEMPT_CELSIUS: Final = 90
"""An outlet that is never cooler need not be sampled for coliforms (Taiwan, Arts. 7 and 8, and a circular)."""


@dataclass(frozen=True, order=True)
class Month:
    """What is known of one dispenser in one month."""

    site: str
    building: str
    floor: str
    dispenser: str
    month: str
    """As 2026-01."""
    maintained: tuple[date, ...] = ()
    membrane_renewed: tuple[date, ...] = ()
    coolest_hot_celsius: float | None = None
    """None where there was no reading."""
    liters: float = 0
    readings_ratio: float = 0
    """The share of the month's hours, as far as they have passed, in which the dispenser answered."""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.site, self.building, self.floor, self.dispenser

    @property
    def exempt(self) -> bool:
        """Whether 90 °C is proven for the month."""
        proven = self.readings_ratio >= PROVEN_READINGS and self.coolest_hot_celsius is not None
        return proven and (self.coolest_hot_celsius or 0) >= EXEMPT_CELSIUS


COLUMNS: Final = tuple(field.name for field in fields(Month))


def merge(kept: Iterable[Month], found: Iterable[Month]) -> list[Month]:
    """Both together, in order. Of two lines about one month the one that rests on more readings stands.

    What Prometheus has forgotten is thus not lost. Visits that either knows of stay.
    """
    merged: dict[tuple[Place, str], Month] = {}
    for line in (*kept, *found):
        other = merged.get((line.place, line.month), line)
        best = max(other, line, key=lambda one: one.readings_ratio)
        merged[line.place, line.month] = replace(
            best,
            maintained=tuple(sorted({*other.maintained, *line.maintained})),
            membrane_renewed=tuple(sorted({*other.membrane_renewed, *line.membrane_renewed})),
        )
    return sorted(merged.values())


def read_record(file: Path) -> list[Month]:
    """The record in a CSV file, none where there is no file. Raises ConfigError with every fault and its line."""
    if not file.exists():
        return []
    rows = csv.DictReader(io.StringIO(read_text(file).removeprefix("\ufeff"), newline=""))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise ConfigError([Fault(str(file), 1, "", f"is no record: its first line must be {','.join(COLUMNS)}")])
    lines: list[Month] = []
    faults: list[Fault] = []
    for row in rows:
        try:
            lines.append(_parse(row))
        except _WrongCellError as error:
            faults.append(Fault(str(file), rows.line_num, error.column, str(error)))
    if faults:
        raise ConfigError(faults)
    return lines


class _WrongCellError(Exception):
    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(message)


def _parse(row: Mapping[str, str | None]) -> Month:
    cells = {column: row[column] or "" for column in COLUMNS}
    if None in row or None in row.values():
        raise _WrongCellError("", f"must have {len(COLUMNS)} cells")
    if not cells["dispenser"]:
        raise _WrongCellError("dispenser", "is missing")
    _date("month", f"{cells['month']}-01", f"must be a month such as 2026-01, not {cells['month']!r}")
    return Month(
        site=cells["site"],
        building=cells["building"],
        floor=cells["floor"],
        dispenser=cells["dispenser"],
        month=cells["month"],
        maintained=_dates("maintained", cells),
        membrane_renewed=_dates("membrane_renewed", cells),
        coolest_hot_celsius=_number("coolest_hot_celsius", cells) if cells["coolest_hot_celsius"] else None,
        liters=_number("liters", cells),
        readings_ratio=_number("readings_ratio", cells),
    )


def _dates(column: str, cells: Mapping[str, str]) -> tuple[date, ...]:
    return tuple(
        _date(column, text, f"must be dates such as 2026-01-31, with blanks between, not {text!r}")
        for text in cells[column].split()
    )


def _date(column: str, text: str, message: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _WrongCellError(column, message) from None


def _number(column: str, cells: Mapping[str, str]) -> float:
    try:
        return float(cells[column])
    except ValueError:
        raise _WrongCellError(column, f"must be a number, not {cells[column]!r}") from None


def write_record(file: Path, lines: Sequence[Month]) -> None:
    """Write the record, whole or not at all; spreadsheets know its encoding by the mark at its start.

    Raises TapwatchError when it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(line) for line in lines)
    scratch = file.with_name(f"{file.name}.part")
    try:
        scratch.write_text(text.getvalue(), encoding="utf-8-sig")
        scratch.replace(file)
    except OSError as error:
        raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error


def _cells(line: Month) -> Iterator[str]:
    yield from (*line.place, line.month)
    yield " ".join(map(str, line.maintained))
    yield " ".join(map(str, line.membrane_renewed))
    yield "" if line.coolest_hot_celsius is None else f"{line.coolest_hot_celsius:.1f}"
    yield f"{line.liters:.0f}"
    yield f"{line.readings_ratio:.3f}"
