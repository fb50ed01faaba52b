"""What no single key of a register map can show: contradictions inside a register, and inside `identify`."""

from collections.abc import Iterable, Iterator

from exporters.dispenser import words
from exporters.dispenser.mapformat import IdentityEntry, MapFile, RegisterEntry
from exporters.dispenser.mapkinds import Found, kind_faults
from exporters.dispenser.registermap import LARGEST_REGISTER, Place
from exporters.dispenser.words import DECIMAL_TYPES, NumberType, WordType
from tapwatch.catalogue import CATALOGUE, DISPENSER_UP, Metric

_DEVICE_PREFIX = "dispenser_"
_PROBE_PREFIX = "dispenser_probe_"


def file_faults(file: MapFile) -> Found:
    """What is wrong in the parts above `registers`."""
    for name in file.metrics:
        if name in CATALOGUE:
            yield ("metrics", name), "is in Tapwatch's catalogue already; leave it out here"
    for word_type, numbers in file.not_available.items():
        for message in _number_faults(numbers, word_type):
            yield ("not_available", word_type), message
    for number, (place, count) in enumerate(file.forbidden):
        for message in _place_faults(place, count, str(place), file):
            yield ("forbidden", number), message
    if file.identify is not None:
        for key, message in _identity_faults(file.identify, file):
            yield ("identify", *key), message


def register_faults(entry: RegisterEntry, file: MapFile) -> Found:
    """What is wrong inside one register."""
    yield from _span_faults(entry, file)
    yield from _metric_faults(entry, file)
    yield from kind_faults(entry)
    if entry.exponent is not None:
        for message in _type_faults(entry.exponent, "s16", 1, file):
            yield ("exponent",), message
    if entry.range is not None and entry.range[0] >= entry.range[1]:
        yield ("range",), f"the least value, {entry.range[0]:g}, is not below the greatest, {entry.range[1]:g}"
    if entry.type != "string":
        for message in _number_faults(entry.not_available or (), entry.type):
            yield ("not_available",), message


def entry_width(entry: RegisterEntry | IdentityEntry) -> int:
    """How many registers, coils or discrete inputs it takes."""
    return entry.length or 1 if entry.type == "string" else words.width(entry.type)


def tells_of_devices(metric: Metric) -> bool:
    """Whether a metric of the catalogue is one that a register may become."""
    probes = metric == DISPENSER_UP or metric.name.startswith(_PROBE_PREFIX)
    return metric.name.startswith(_DEVICE_PREFIX) and not probes


def _span_faults(entry: RegisterEntry | IdentityEntry, file: MapFile) -> Found:
    if entry.type == "string" and entry.length is None:
        yield ("length",), "is missing: a string needs its length in registers, two characters in each"
    if entry.type != "string" and entry.length is not None:
        yield ("length",), f"only a string has a length; {entry.type} takes {words.width(entry.type)}"
    for message in _type_faults(entry.at, entry.type, entry_width(entry), file):
        yield ("at",), message


def _type_faults(place: Place, word_type: WordType, width: int, file: MapFile) -> Iterator[str]:
    if (word_type == "bit") != (place.space in {"coil", "discrete"}):
        yield f"{place} and {word_type} do not go together: coils and discrete inputs, and only they, are of type bit"
    elif width > file.caps.words:
        yield f"{width} registers ({word_type}) are more than one request may ask for, {file.caps.words} (caps)"
    yield from _place_faults(place, width, f"{word_type} at {place}", file)


def _place_faults(place: Place, count: int, what: str, file: MapFile) -> Iterator[str]:
    """Whether `count` registers from a place on exist, as the file counts them."""
    if place.number < file.counted_from:
        yield f"there is no {place} in a file that is counted from 1"
    last = LARGEST_REGISTER + file.counted_from
    if place.number + count - 1 > last:
        yield f"{what} reaches past the last register, {last}"


def _identity_faults(identity: IdentityEntry, file: MapFile) -> Found:
    yield from _span_faults(identity, file)
    wanted = identity.equals
    if isinstance(wanted, str) != (identity.type == "string"):
        yield ("equals",), f"{identity.type} does not equal {wanted!r}: text, and only text, is read as a string"
    elif isinstance(wanted, str):
        if not wanted or wanted != wanted.strip() or "\0" in wanted:
            yield ("equals",), "text is compared without the blanks around it, and there must be some"
        if identity.length is not None and len(wanted.encode()) > 2 * identity.length:
            yield ("equals",), f"{wanted!r} is longer than {identity.length} registers"
    elif identity.type != "string":
        for message in _number_faults((wanted,), identity.type):
            yield ("equals",), message


def _number_faults(numbers: Iterable[float], word_type: NumberType) -> Iterator[str]:
    """Numbers that can never be read, for the type holds no such number."""
    least, greatest = words.limits(word_type)
    for number in numbers:
        if words.is_float(word_type):
            if not _fits(number, word_type):
                yield f"{word_type} cannot hold {number!r}"
        elif not least <= number <= greatest or number != int(number):
            hint = _hint(number, word_type)
            yield f"{word_type} cannot hold {number!r}; it holds whole numbers from {least} to {greatest}{hint}"


def _hint(number: float, word_type: NumberType) -> str:
    """What manuals mean that give a number's bits instead of its value."""
    least, greatest = words.limits(word_type)
    negative = number - 2 * (greatest + 1)
    if word_type.startswith("s") and least <= negative < 0:
        return f", and those bits are {negative!r}"
    return "; one with a digit above 9 always stands for no value" if word_type in DECIMAL_TYPES else ""


def _fits(number: float, word_type: NumberType) -> bool:
    try:
        words.pack(number, word_type, "ABCD")
    except ValueError:
        return False
    return True


def _metric_faults(entry: RegisterEntry, file: MapFile) -> Found:
    metric = file.metric(entry)
    if metric is None:
        yield ("metric",), f"{entry.metric} is not in the catalogue; declare its type and help under metrics"
        return
    expected = set(metric.labels)
    if expected != entry.label_names:
        yield ("labels",), f"{metric.name} has the labels {listed(expected)}, not {listed(entry.label_names)}"
    if entry.metric not in file.metrics and not tells_of_devices(metric):
        yield ("metric",), f"{metric.name} is what Tapwatch says of itself or of a probe, not a device of itself"
    if (metric.type == "counter") != metric.name.endswith("_total"):
        yield ("metric",), f"{metric.name} is a {metric.type}: counters, and only they, end in _total"


def listed(labels: set[str]) -> str:
    """Label names as people read them."""
    return ", ".join(sorted(labels)) or "(none)"
