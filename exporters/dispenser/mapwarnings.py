"""What is allowed in a register map and most likely a mistake: values of labels that no rule knows."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from exporters.dispenser.mapformat import MapFile, RegisterEntry
from tapwatch.catalogue import CATALOGUE, KnownLabel
from tapwatch.errors import Fault
from tapwatch.settings import Document, DocumentPath, validate


def unknown_values(document: Document, path: Path) -> Iterator[Fault]:
    """Values of labels that rules and dashboards select by, and that none of them selects, in a map without faults.

    Of a label whose values are open, as `stage`, only what looks like a misspelling of a known value is told.
    """
    file = validate(document, MapFile, path.parent)
    for index, entry in enumerate(file.registers):
        metric = CATALOGUE.get(entry.metric)
        for label in metric.known_labels if metric is not None else ():
            for place, value in _values(entry, label.name):
                message = _warning(label, value)
                if message is not None:
                    yield document.fault(("registers", index, *place), message)


def _values(entry: RegisterEntry, label: str) -> Iterator[tuple[DocumentPath, str]]:
    """Each value that a register's series have in a label, and where it stands."""
    if label in entry.labels:
        yield ("labels", label), entry.labels[label]
    if entry.bits is not None and entry.bits.label == label:
        for bit, name in enumerate(entry.bits.names):
            if name is not None:
                yield ("bits", "names", bit), name
    if entry.enum is not None and entry.enum.label == label:
        for number, name in entry.enum.names.items():
            yield ("enum", "names", str(number)), name


def _warning(label: KnownLabel, value: str) -> str | None:
    if value in label.names:
        return None
    close = difflib.get_close_matches(_plain(value), label.names, n=1)
    if close:
        return f"unknown {label.name} {value!r}, which no rule selects by name; did you mean {close[0]!r}?"
    if label.is_open:
        return None
    return f"unknown {label.name} {value!r}, which no rule selects by name; known: {', '.join(label.names)}"


def _plain(value: str) -> str:
    """A value as the known ones are written."""
    return value.strip().lower().replace("-", "_").replace(" ", "_")
