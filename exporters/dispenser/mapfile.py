"""Register maps out of their files: one YAML file per dispenser model, every fault with its line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from exporters.dispenser import words
from exporters.dispenser.filekind import FileKind, expect_kind
from exporters.dispenser.mapconflicts import conflicts
from exporters.dispenser.mapfaults import file_faults, register_faults
from exporters.dispenser.mapformat import MapFile, RegisterEntry
from exporters.dispenser.registermap import Bits, Enum, Identity, Place, Refresh, RegisterMap, Traits, Value
from exporters.dispenser.words import WordType
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.settings import Document, read_document, validate

BUILT_IN = Path(__file__).parent / "maps"
"""The maps that ship with Tapwatch."""


def load_map(path: Path) -> RegisterMap:
    """Read one map; raises ConfigError with every fault of the file."""
    document = read_document(path)
    expect_kind(document, FileKind.MAP)
    return parse_map(document, path)


def parse_map(document: Document, path: Path) -> RegisterMap:
    """The map in a document that stands, or will stand, at `path`; raises ConfigError as `load_map` does."""
    file = validate(document, MapFile, path.parent)
    values = [_value(entry, file) for entry in file.registers]
    faults = sorted({*_faults(file, document), *conflicts(file, values, document)}, key=_reading_order)
    if faults:
        raise ConfigError(faults)
    known = tuple(value for value in values if value is not None)
    found = RegisterMap(path.stem, file.description, file.order, _identity(file), known, _traits(file))
    return replace(found, max_age={**found.max_age, **_max_age(file)})


def load_maps(paths: Sequence[Path]) -> dict[str, RegisterMap]:
    """The maps in `paths` beside the built-in ones, by name; one of the same name replaces the built-in one.

    Raises ConfigError with every fault of all files.
    """
    faults = Faults()
    counts = Counter(path.stem for path in paths)
    for path in paths:
        if counts[path.stem] > 1:
            faults.add(Fault(str(path), None, "", f"another map in these settings is named {path.stem!r} too"))
    maps: dict[str, RegisterMap] = {}
    for path in [*sorted(BUILT_IN.glob("*.yaml")), *paths]:
        with faults.collect():
            maps[path.stem] = load_map(path)
    faults.raise_if_any()
    return maps


def _reading_order(fault: Fault) -> tuple[int, Fault]:
    return fault.line or 0, fault


def _faults(file: MapFile, document: Document) -> Iterator[Fault]:
    for path, message in file_faults(file):
        yield document.fault(path, message)
    for index, entry in enumerate(file.registers):
        for path, message in register_faults(entry, file):
            yield document.fault(("registers", index, *path), message)


def _value(entry: RegisterEntry, file: MapFile) -> Value | None:
    metric = file.metric(entry)
    if metric is None:
        return None
    return Value(
        place=_on_the_line(entry.at, file),
        type=entry.type,
        order=entry.order or file.order,
        metric=metric,
        labels=entry.labels,
        scale=entry.scale,
        offset=entry.offset,
        exponent=_on_the_line(entry.exponent, file) if entry.exponent is not None else None,
        field=entry.field,
        range=entry.range,
        not_available=_not_available(entry, file),
        bits=Bits(entry.bits.label, entry.bits.names) if entry.bits else None,
        enum=Enum(entry.enum.label, entry.enum.names) if entry.enum else None,
        value_label=entry.value_label,
        length=entry.length or 1,
        refresh=entry.refresh,
    )


def _on_the_line(place: Place, file: MapFile) -> Place:
    return replace(place, number=place.number - file.counted_from)


def _not_available(entry: RegisterEntry, file: MapFile) -> frozenset[float]:
    numbers: Iterable[float] | None = entry.not_available
    if numbers is None and entry.type != "string":
        numbers = file.not_available.get(entry.type)
    return frozenset(_as_read(number, entry.type) for number in numbers or ())


def _as_read(number: float, word_type: WordType) -> float:
    """The number as it comes out of a register: a float type holds the nearest one that it can.

    One that does not fit stays as it is; that is a fault by itself.
    """
    if word_type == "string" or not words.is_float(word_type):
        return number
    try:
        return words.unpack(words.pack(number, word_type, "ABCD"), word_type, "ABCD")
    except ValueError:
        return number


def _identity(file: MapFile) -> Identity | None:
    if file.identify is None:
        return None
    own = file.identify
    equals = own.equals if isinstance(own.equals, str) else _as_read(own.equals, own.type)
    return Identity(_on_the_line(own.at, file), own.type, equals, own.length or 1)


def _traits(file: MapFile) -> Traits:
    return Traits(
        words=file.caps.words,
        bits=file.caps.bits,
        holes=file.holes,
        forbidden=tuple((_on_the_line(place, file), count) for place, count in file.forbidden),
        idle=file.idle,
        in_flight=file.in_flight,
        timeout=file.timeout,
        baudrate=file.line.baudrate,
        turnaround=file.line.turnaround,
    )


def _max_age(file: MapFile) -> Mapping[Refresh, float]:
    given: dict[Refresh, float | None] = {"slow": file.max_age.slow, "static": file.max_age.static}
    return {refresh: seconds for refresh, seconds in given.items() if seconds is not None}
