"""Numbers and text in Modbus registers: packed into 16-bit words in the orders that devices use.

Modbus itself only defines the 16-bit word, high byte first (Modbus Application Protocol V1.1b3, section 4.2); wider
numbers follow the maker's taste. An order names the bytes of a 32-bit number from the most significant, A, to the
least, D, as they come over the line; 48- and 64-bit numbers follow the same pattern.
"""

import math
import struct
from typing import Literal, get_args

IntegerType = Literal["u16", "s16", "u32", "s32", "u48", "s48", "u64", "s64"]
FloatType = Literal["f16", "f32", "f64"]
DecimalType = Literal["bcd16", "bcd32", "bcd48", "bcd64"]
NumberType = IntegerType | FloatType | DecimalType | Literal["bit"]
WordType = NumberType | Literal["string"]
Order = Literal["ABCD", "BADC", "CDAB", "DCBA"]

INTEGER_TYPES: tuple[IntegerType, ...] = get_args(IntegerType)
FLOAT_TYPES: tuple[FloatType, ...] = get_args(FloatType)
DECIMAL_TYPES: tuple[DecimalType, ...] = get_args(DecimalType)
NUMBER_TYPES: tuple[NumberType, ...] = (*INTEGER_TYPES, *FLOAT_TYPES, *DECIMAL_TYPES, "bit")

_FLOATS: dict[str, struct.Struct] = {"f16": struct.Struct(">e"), "f32": struct.Struct(">f"), "f64": struct.Struct(">d")}

_WORD_BYTES = 2
_WORD_BITS = 16


def width(word_type: NumberType) -> int:
    """How many registers a number takes; 1 for a coil or discrete input."""
    return 1 if word_type == "bit" else int(word_type.lstrip("usfbcd")) // _WORD_BITS


def is_float(word_type: WordType) -> bool:
    """Whether the type is a floating-point number."""
    return word_type in FLOAT_TYPES


def limits(word_type: NumberType) -> tuple[float, float]:
    """The smallest and largest number that the type holds."""
    if word_type in FLOAT_TYPES:
        return -math.inf, math.inf
    if word_type in DECIMAL_TYPES:
        return 0, 10 ** (4 * width(word_type)) - 1
    bits = 1 if word_type == "bit" else width(word_type) * _WORD_BITS
    if word_type.startswith("s"):
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def unpack(raw: bytes, word_type: NumberType, order: Order) -> float:
    """The number in `raw`, which holds just its registers as they came over the line; NaN for what is no number.

    The only ones are a float's own NaN, and a packed decimal with a digit above 9.
    """
    ordered = _reorder(raw, order)
    if word_type in FLOAT_TYPES:
        number: float = _FLOATS[word_type].unpack(ordered)[0]
        return number
    if word_type in DECIMAL_TYPES:
        digits = ordered.hex()
        return int(digits) if digits.isdecimal() else math.nan
    return int.from_bytes(ordered, "big", signed=word_type.startswith("s"))


def pack(number: float, word_type: NumberType, order: Order) -> bytes:
    """The registers that hold `number`: the reverse of `unpack`. Raises ValueError when it does not fit."""
    try:
        return _reorder(_pack(number, word_type), order)
    except (OverflowError, struct.error) as error:
        raise ValueError(f"{number!r} does not fit into a {word_type}") from error


def _pack(number: float, word_type: NumberType) -> bytes:
    size = width(word_type) * _WORD_BYTES
    if word_type in FLOAT_TYPES:
        return _FLOATS[word_type].pack(number)
    if word_type not in DECIMAL_TYPES:
        return int(number).to_bytes(size, "big", signed=word_type.startswith("s"))
    if not 0 <= number <= limits(word_type)[1]:
        raise OverflowError
    return bytes.fromhex(f"{int(number):0{2 * size}d}")


def unpack_text(raw: bytes, order: Order) -> str:
    """The text in `raw` up to the first zero byte, without the blanks around it; what is not UTF-8 is replaced.

    Makers that swap the bytes of a word do so in text too; the words of a text always stand in reading order.
    """
    ordered = _swap_bytes(raw) if order in {"BADC", "DCBA"} else raw
    return ordered.partition(b"\0")[0].decode("utf-8", errors="replace").strip()


def pack_text(text: str, registers: int, order: Order) -> bytes:
    """The registers that hold `text`, filled with zero bytes. Raises ValueError when it does not fit."""
    encoded = text.encode()
    if len(encoded) > registers * _WORD_BYTES:
        raise ValueError(f"{text!r} does not fit into {registers} registers")
    raw = encoded.ljust(registers * _WORD_BYTES, b"\0")
    return _swap_bytes(raw) if order in {"BADC", "DCBA"} else raw


def _reorder(raw: bytes, order: Order) -> bytes:
    """From the line's order to ABCD or back: each of the four orders is its own reverse."""
    if order in {"BADC", "DCBA"}:
        raw = _swap_bytes(raw)
    if order in {"CDAB", "DCBA"}:
        raw = b"".join(raw[at : at + _WORD_BYTES] for at in reversed(range(0, len(raw), _WORD_BYTES)))
    return raw


def _swap_bytes(raw: bytes) -> bytes:
    swapped = bytearray(raw)
    swapped[::2], swapped[1::2] = raw[1::2], raw[::2]
    return bytes(swapped)
