"""What a register becomes: one number, bits, states or a label, and the contradictions between their keys."""

from collections import Counter
from collections.abc import Iterable, Iterator

from exporters.dispenser import words
from exporters.dispenser.mapformat import RegisterEntry
from exporters.dispenser.words import INTEGER_TYPES, NumberType
from tapwatch.settings import DocumentPath

_BITS_TYPES = tuple(name for name in INTEGER_TYPES if name.startswith("u"))
_BITS_LIST = ", ".join(_BITS_TYPES)

Found = Iterator[tuple[DocumentPath, str]]
"""The keys from the part at fault downward, and the message."""


def kind_faults(entry: RegisterEntry) -> Found:
    """Keys that contradict each other, and names that can never be read."""
    yield from _beside_faults(entry)
    yield from _label_faults(entry)
    yield from _repeated_names(entry)
    if entry.type == "string":
        return
    if entry.field is not None:
        yield from _field_faults(entry.field, entry.type)
    if entry.bits is not None:
        yield from _bits_faults(entry, len(entry.bits.names), entry.type)
    if entry.enum is not None:
        yield from _enum_faults(entry, entry.enum.names, entry.type)


def _beside_faults(entry: RegisterEntry) -> Found:
    """The keys of one kind say nothing of another."""
    kinds = [key for key in ("bits", "enum", "value_label") if getattr(entry, key) is not None]
    if len(kinds) > 1:
        yield (kinds[1],), f"a register has {kinds[0]} or {kinds[1]}, not both"
    if entry.type == "string" and "value_label" not in kinds:
        yield ("type",), "a string is no number; give the label that takes the text, as value_label"
    kind = "a string" if entry.type == "string" else kinds[0] if kinds else ""
    if kind:
        numeric = ["scale", "offset", "exponent", "range"]
        numeric += ["field", "bits", "enum", "not_available"] if entry.type == "string" else []
        for key in numeric:
            if key in entry.model_fields_set:
                yield (key,), f"does nothing beside {kind}; leave it out"


def _label_faults(entry: RegisterEntry) -> Found:
    labels = (
        ("bits", entry.bits.label if entry.bits else None),
        ("enum", entry.enum.label if entry.enum else None),
        ("value_label", entry.value_label),
    )
    for key, label in labels:
        if label in entry.labels:
            yield (key,), f"the label {label} stands under labels too"


def _repeated_names(entry: RegisterEntry) -> Found:
    names = {
        "bits": entry.bits.names if entry.bits else (),
        "enum": tuple(entry.enum.names.values()) if entry.enum else (),
    }
    for key, all_names in names.items():
        for name, times in Counter(all_names).items():
            if name is not None and times > 1:
                yield (key, "names"), f"{name!r} stands {times} times; each name may stand once"


def _field_faults(field: tuple[int, int], word_type: NumberType) -> Found:
    last = 16 * words.width(word_type) - 1
    if word_type not in INTEGER_TYPES:
        yield ("field",), f"a part is read from {', '.join(INTEGER_TYPES)}, not from {word_type}"
    elif not 0 <= field[0] <= field[1] <= last:
        yield ("field",), f"must be the lowest and the highest bit, inside 0 to {last} in {word_type}"


def _bits_faults(entry: RegisterEntry, count: int, word_type: NumberType) -> Found:
    bits = _counted_bits(entry, word_type)
    if word_type not in _BITS_TYPES:
        yield ("bits",), f"bits are read from {_BITS_LIST}, not from {word_type}"
    elif count > bits:
        yield ("bits", "names"), f"there are {count} names for {bits} bits"


def _enum_faults(entry: RegisterEntry, names: Iterable[int], word_type: NumberType) -> Found:
    if words.is_float(word_type):
        yield ("enum",), f"states are whole numbers; {word_type} is not"
        return
    least, greatest = words.limits(word_type)
    if entry.field is not None and word_type in INTEGER_TYPES:
        count = 2 ** _counted_bits(entry, word_type)
        least = -count // 2 if word_type.startswith("s") else 0
        greatest = least + count - 1
    for number in names:
        if not least <= number <= greatest:
            yield ("enum", "names"), f"{number} cannot occur; the numbers there are from {least} to {greatest}"


def _counted_bits(entry: RegisterEntry, word_type: NumberType) -> int:
    """At most those of the type, also where the field's limits are wrong."""
    bits = 16 * words.width(word_type)
    return max(0, min(bits, entry.field[1] - entry.field[0] + 1)) if entry.field else bits
