"""Numbers in Modbus registers: packed into 16-bit words in the orders that devices use.

Modbus itself only defines the 16-bit word, high byte first (Modbus Application Protocol V1.1b3, section 4.2); wider
numbers follow the maker's taste. An order names the bytes of a 32-bit number from the most significant, A, to the
least, D, as they come over the line; 64-bit numbers follow the same pattern.
"""

import struct
from typing import Literal, get_args

WordType = Literal["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64", "bit"]
Order = Literal["ABCD", "BADC", "CDAB", "DCBA"]

WORD_TYPES: tuple[WordType, ...] = get_args(WordType)

_FORMATS: dict[WordType, struct.Struct] = {
    "bit": struct.Struct(">H"),
    "u16": struct.Struct(">H"),
    "s16": struct.Struct(">h"),
    "u32": struct.Struct(">I"),
    "s32": struct.Struct(">i"),
    "u64": struct.Struct(">Q"),
    "s64": struct.Struct(">q"),
    "f32": struct.Struct(">f"),
    "f64": struct.Struct(">d"),
}

_WORD = 2


def width(word_type: WordType) -> int:
    """How many registers a number takes; 1 for a coil or discrete input."""
    return _FORMATS[word_type].size // _WORD


def is_float(word_type: WordType) -> bool:
    """Whether the type is a floating-point number."""
    return word_type in {"f32", "f64"}


def limits(word_type: WordType) -> tuple[float, float]:
    """The smallest and largest number that an integer type holds."""
    bits = 1 if word_type == "bit" else _FORMATS[word_type].size * 8
    if word_type.startswith("s"):
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def unpack(raw: bytes, word_type: WordType, order: Order) -> float:
    """The number in `raw`, which holds just its registers, as they came over the line."""
    number: float = _FORMATS[word_type].unpack(_reorder(raw, order))[0]
    return number


def pack(number: float, word_type: WordType, order: Order) -> bytes:
    """The registers that hold `number`: the reverse of `unpack`. Raises struct.error when it does not fit."""
    layout = _FORMATS[word_type]
    return _reorder(layout.pack(number if is_float(word_type) else int(number)), order)


def _reorder(raw: bytes, order: Order) -> bytes:
    """From the line's order to ABCD or back: each of the four orders is its own reverse."""
    if order in {"BADC", "DCBA"}:
        raw = b"".join(raw[at : at + _WORD][::-1] for at in range(0, len(raw), _WORD))
    if order in {"CDAB", "DCBA"}:
        raw = b"".join(raw[at : at + _WORD] for at in reversed(range(0, len(raw), _WORD)))
    return raw
