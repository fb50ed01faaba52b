"""A device with every kind of value that a map can name, laid out as the standards say and without the exporter's code.

Byte orders by the letters of a 32-bit number as it comes over the line, A the most significant byte.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

Registers = dict[str, list[int | None]]
"""By first place (`h0`, `i0`, `c0`, `d0`) what follows each other from there; None is a hole."""

Series = tuple[str, tuple[tuple[str, str], ...]]

NUMBERS: Mapping[str, tuple[float, float]] = {
    "u16": (60_001, 3),
    "s16": (-12_345, 12_345),
    "u32": (4_000_000_001, 5),
    "s32": (-2_000_000_001, 7),
    "u48": (2**47 + 12_345, 11),
    "s48": (-(2**46) - 54_321, 13),
    "u64": (2**63 + 4096, 17),
    "s64": (-(2**62) + 1024, 19),
    "f16": (-1.5, 0.25),
    "f32": (36.625, -1e10),
    "f64": (-1.25e100, 1 / 3),
    "bcd16": (9876, 1),
    "bcd32": (12_345_678, 2),
    "bcd48": (123_456_789_012, 3),
    "bcd64": (1_234_567_890_123_456, 4),
}
"""By type, what the first unit holds and what the second."""

_FLOATS = {"f16": ">e", "f32": ">f", "f64": ">d"}
_ORDERS: Mapping[str, Callable[[bytes], bytes]] = {
    "ABCD": lambda raw: raw,
    "CDAB": lambda raw: b"".join(raw[at : at + 2] for at in range(len(raw) - 2, -1, -2)),
    "BADC": lambda raw: b"".join(raw[at : at + 2][::-1] for at in range(0, len(raw), 2)),
    "DCBA": lambda raw: raw[::-1],
}
_TEXT = "Trinkbrunnen é7"
_HOLE: list[int | None] = [None, None]
_BEFORE_HOLES = ("u32", "f64")
_COILS = [1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1]
_DISCRETES = [0, 1, 1, 0, 0, 0, 1, 0, 1, 1]


class _Layout:
    """Registers of one space as they are put down, with their map entries and what they say."""

    def __init__(self, space: str) -> None:
        self.space = space
        self.words: list[int | None] = []
        self.entries: list[dict[str, Any]] = []
        self.expected: dict[Series, float] = {}

    def put(self, raw: bytes, says: Mapping[Series, float], **entry: object) -> str:
        at = f"{self.space}{len(self.words)}"
        self.words += struct.unpack(f">{len(raw) // 2}H", raw)
        self.entries.append({"at": at, "metric": "plant_value", "labels": {}} | entry)
        self.expected |= says
        return at

    def number(self, raw: bytes, value: float | None, labels: Mapping[str, str], **entry: object) -> None:
        says = {} if value is None else {series("plant_value", labels): value}
        self.put(raw, says, labels=dict(labels), **entry)


def series(name: str, labels: Mapping[str, str]) -> Series:
    return name, tuple(sorted(labels.items()))


def the_map() -> str:
    """The map, as a file's text."""
    layouts = [_words(space, 0) for space in "hi"]
    entries = [entry for layout in layouts for entry in layout.entries]
    entries += [
        {"at": f"{space}{number}", "type": "bit", "metric": "plant_bit", "labels": {"at": f"{space}{number}"}}
        for space, held in (("c", _COILS), ("d", _DISCRETES))
        for number in range(len(held))
    ]
    gauges = ("value", "state", "mode", "bit", "name_info")
    metrics = {f"plant_{name}": {"type": "gauge", "help": f"A {name} of the plant."} for name in gauges}
    identify = {"at": "h0", "type": "string", "length": 8, "equals": _TEXT}
    return yaml.safe_dump({"identify": identify, "metrics": metrics, "registers": entries}, allow_unicode=True)


def the_registers(unit: int) -> Registers:
    """What unit 1 or 2 holds."""
    words = {f"{space}0": _words(space, unit - 1).words for space in "hi"}
    return {**words, "c0": list(_turned(_COILS, unit)), "d0": list(_turned(_DISCRETES, unit))}


def the_samples(unit: int) -> dict[Series, float]:
    """What the exporter is to say of unit 1 or 2."""
    found = {name: value for space in "hi" for name, value in _words(space, unit - 1).expected.items()}
    for space, held in (("c", _COILS), ("d", _DISCRETES)):
        for number, bit in enumerate(_turned(held, unit)):
            found[series("plant_bit", {"at": f"{space}{number}"})] = bit
    return found


def _turned(bits: Sequence[int], unit: int) -> Iterator[int]:
    return (bit ^ (unit - 1) for bit in bits)


def _words(space: str, which: int) -> _Layout:
    layout = _Layout(space)
    name = _TEXT.encode().ljust(16, b"\0")
    for order in ("ABCD", "BADC"):  # words of a text stand in reading order
        said = {series("plant_name_info", {"order": order, "space": space, "name": _TEXT}): 1.0}
        entry = {"type": "string", "length": 8, "metric": "plant_name_info", "value_label": "name"}
        layout.put(_ORDERS[order](name), said, order=order, labels={"order": order, "space": space}, **entry)
    for word_type, numbers in NUMBERS.items():
        for order, reorder in _ORDERS.items():
            labels = {"kind": word_type, "order": order, "space": space}
            value = struct.unpack(">f", struct.pack(">f", numbers[which]))[0] if word_type == "f32" else numbers[which]
            layout.number(reorder(_packed(numbers[which], word_type)), value, labels, type=word_type, order=order)
        if word_type in _BEFORE_HOLES:
            layout.words += _HOLE
    _put_meanings(layout, which)
    return layout


def _put_meanings(layout: _Layout, which: int) -> None:
    def labels(kind: str) -> dict[str, str]:
        return {"kind": kind, "order": "", "space": layout.space}

    layout.number(_u16(653 + which), (653 + which) / 10, labels("scaled"), type="u16", scale=0.1)
    layout.number(_u16(1053), 65.3, labels("shifted"), type="s16", scale=0.1, offset=-40)
    layout.number(_u16(0xA7F3), 0xA7, labels("high byte"), type="u16", field=[8, 15])
    layout.number(_u16(0x7FFF), None, labels("not available"), type="s16", not_available=0x7FFF)
    layout.number(_u16(900), None, labels("out of range"), type="u16", range=[0, 100])
    layout.number(struct.pack(">f", float("nan")), None, labels("no number"), type="f32")
    layout.number(b"\x1a\x23", None, labels("no decimal"), type="bcd16")
    exponent = f"{layout.space}{len(layout.words) + 1}"
    layout.number(_u16(1234), 12.34, labels("exponent"), type="u16", exponent=exponent)
    layout.words.append(0x10000 - 2)
    states = {"leak": 1.0, "dry_run": float(which), "overheat": 0.0}
    said = {series("plant_state", {"state": state, "space": layout.space}): value for state, value in states.items()}
    bits = {"label": "state", "names": ["leak", None, "dry_run", "overheat"]}
    own = {"space": layout.space}
    layout.put(_u16(0b0011 | which << 2), said, type="u16", metric="plant_state", labels=own, bits=bits)
    said = {series("plant_mode", {"mode": mode, "space": layout.space}): float(mode == "eco") for mode in ("on", "eco")}
    enum = {"label": "mode", "names": {1: "on", 2: "eco"}}
    layout.put(_u16(2), said, type="u16", metric="plant_mode", labels=own, enum=enum)


def _packed(number: float, word_type: str) -> bytes:
    if word_type in _FLOATS:
        return struct.pack(_FLOATS[word_type], number)
    bits = int(word_type.lstrip("usbcd"))
    if word_type.startswith("bcd"):
        return bytes.fromhex(f"{int(number):0{bits // 4}d}")
    return int(number).to_bytes(bits // 8, "big", signed=word_type.startswith("s"))


def _u16(number: int) -> bytes:
    return struct.pack(">H", number)
