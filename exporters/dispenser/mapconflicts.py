"""What registers of one map do to each other: partial overlaps, equal series, labels that differ, forbidden places."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exporters.dispenser.mapfaults import entry_width, listed
from exporters.dispenser.mapformat import MapFile
from exporters.dispenser.registermap import Place, Series, Value
from tapwatch.errors import Fault
from tapwatch.settings import Document, DocumentPath


@dataclass(frozen=True, order=True)
class _Asked:
    """Registers that the map asks for, and the key that says so."""

    place: Place
    end: int
    path: DocumentPath


def conflicts(file: MapFile, values: Sequence[Value | None], document: Document) -> Iterator[Fault]:
    """Every conflict; `values` are those of the file's registers, None for one whose metric is unknown."""
    asked = list(_asked(file))
    yield from _overlaps(asked, document)
    yield from _forbidden(asked, file, document)
    yield from _repeated_series(values, document)
    yield from _differing_labels(file, document)


def _asked(file: MapFile) -> Iterator[_Asked]:
    for index, entry in enumerate(file.registers):
        yield _Asked(entry.at, entry.at.number + entry_width(entry), ("registers", index, "at"))
        if entry.exponent is not None:
            yield _Asked(entry.exponent, entry.exponent.number + 1, ("registers", index, "exponent"))


def _overlaps(asked: Sequence[_Asked], document: Document) -> Iterator[Fault]:
    """Two numbers may share all of their registers (bits beside a code), not some."""
    owner: _Asked | None = None
    for one in sorted(asked):
        inside = owner is not None and one.place.space == owner.place.space and one.place.number < owner.end
        if owner is not None and inside and (one.place, one.end) != (owner.place, owner.end):
            line = document.line(owner.path)
            yield document.fault(one.path, f"overlaps with the register on line {line}")
        if owner is None or not inside or one.end > owner.end:
            owner = one


def _forbidden(asked: Sequence[_Asked], file: MapFile, document: Document) -> Iterator[Fault]:
    also = list(asked)
    if file.identify is not None:
        end = file.identify.at.number + entry_width(file.identify)
        also.append(_Asked(file.identify.at, end, ("identify", "at")))
    for number, (place, count) in enumerate(file.forbidden):
        line = document.line(("forbidden", number))
        for one in also:
            same_space = one.place.space == place.space
            if same_space and one.place.number < place.number + count and place.number < one.end:
                yield document.fault(one.path, f"is forbidden on line {line}")


def _repeated_series(values: Sequence[Value | None], document: Document) -> Iterator[Fault]:
    seen: dict[Series, int] = {}
    for index, value in enumerate(values):
        for series in sorted(set(value.series)) if value else ():
            if series in seen:
                line = document.line(("registers", seen[series]))
                yield document.fault(("registers", index, "metric"), f"gives the same series as line {line}")
            seen.setdefault(series, index)


def _differing_labels(file: MapFile, document: Document) -> Iterator[Fault]:
    """A metric of the catalogue has its labels there; one of the file's own has those of its first register."""
    first: dict[str, int] = {}
    for index, entry in enumerate(file.registers):
        if entry.metric not in file.metrics:
            continue
        owner = first.setdefault(entry.metric, index)
        expected = file.registers[owner].label_names
        if entry.label_names != expected:
            line = document.line(("registers", owner))
            message = f"{entry.metric} has the labels {listed(expected)} on line {line}"
            yield document.fault(("registers", index, "labels"), f"{message}, not {listed(entry.label_names)}")
