"""What single keys of a register map take: places, numbers, names, each fault with what would be right."""

import math
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from exporters.dispenser.registermap import LARGEST_REGISTER, Place, Space, Span
from exporters.dispenser.words import NUMBER_TYPES, NumberType, WordType
from tapwatch.settings import Seconds

MOST_IN_FLIGHT = 16
"""What a client may have under way (Modbus Messaging on TCP/IP Implementation Guide V1.0b: from 1 to 16)."""

_MOST_BITS = 1024
"""Of an f64's greatest number."""

METRIC_NAME = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
"""Prometheus' rule."""
LABEL_NAME = r"^_?[a-zA-Z][a-zA-Z0-9_]*$"
"""Prometheus' rule; names that begin with two underscores are its own."""

_LAST_COUNTED_FROM_1 = {
    f"{space[0]}{LARGEST_REGISTER + 1}": Place(space, LARGEST_REGISTER + 1) for space in get_args(Space)
}


def _place(text: object) -> Place:
    """The place as the file counts it, which may be from 1."""
    return _LAST_COUNTED_FROM_1.get(str(text)) or Place.parse(text)


def parse_span(text: object) -> Span:
    """`i5` or `i20-i29` as the first register and how many; raises ValueError with what would be right."""
    match = re.fullmatch(r"([ihcd])(\d{1,5})(?:-\1?(\d{1,5}))?", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a span of registers; right would be one, as h5, or several, as i20-i29")
    first = _place(match[1] + match[2])
    last = first if match[3] is None else _place(match[1] + match[3])
    if last < first:
        raise ValueError(f"{text!r} ends before it begins")
    return first, last.number - first.number + 1


def _word_type(value: object) -> WordType:
    known: tuple[WordType, ...] = (*NUMBER_TYPES, "string")
    for word_type in known:
        if value == word_type:
            return word_type
    raise ValueError(f"{value!r} is not a type; there are {', '.join(known)}")


def _number_type(value: object) -> NumberType:
    word_type = _word_type(value)
    if word_type == "string":
        raise ValueError("a string has no number that stands for no value; an empty one always does")
    return word_type


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be text; YAML takes on, off, yes and no for true and false, so put it in quotes")  # noqa: TRY004 - pydantic's contract
    if isinstance(value, int | float):
        raise ValueError(f'must be text; put it in quotes: "{value}"')  # noqa: TRY004 - as above
    return value


def _number(value: object) -> float:
    """The number as it is: turned into a float, it would lose the last digits of a 64-bit integer."""
    number = _spelled(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"must be a number, not {value!r}")  # noqa: TRY004 - pydantic's contract
    if isinstance(number, float) and math.isnan(number):
        raise ValueError("not a number (NaN) always stands for no value; leave it out")
    if isinstance(number, int) and number.bit_length() > _MOST_BITS:
        raise ValueError("no type holds a number as large as this")
    return number


def _spelled(text: str) -> float | None:
    """YAML 1.1 takes 1e-3 for text: it asks for a point and a sign."""
    try:
        return float(text)
    except ValueError:
        return None


def _number_or_text(value: object) -> float | str:
    return value if isinstance(value, str) else _number(value)


def _in_flight(value: object) -> int | Literal["learn"]:
    if value == "learn":
        return "learn"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_IN_FLIGHT:
        return value
    raise ValueError(f"must be a whole number from 1 to {MOST_IN_FLIGHT}, or learn")


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("must not be 0: every value would be the same")
    return value


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _schema(**keywords: Any) -> WithJsonSchema:  # noqa: ANN401 - JSON
    return WithJsonSchema(keywords)


_PLACE = r"[ihcd][0-9]{1,5}"
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": MOST_IN_FLIGHT}

PlaceText = Annotated[Place, BeforeValidator(_place), _schema(type="string", pattern=f"^{_PLACE}$")]
SpanText = Annotated[
    Span, PlainValidator(parse_span), _schema(type="string", pattern=f"^{_PLACE}(-[ihcd]?[0-9]{{1,5}})?$")
]
TypeName = Annotated[WordType, PlainValidator(_word_type), _schema(enum=[*NUMBER_TYPES, "string"])]
NumberTypeName = Annotated[NumberType, PlainValidator(_number_type), _schema(enum=list(NUMBER_TYPES))]
Text = Annotated[str, Field(min_length=1), BeforeValidator(_text)]
LabelValue = Annotated[str, BeforeValidator(_text)]
MetricName = Annotated[str, Field(pattern=METRIC_NAME)]
LabelName = Annotated[str, Field(pattern=LABEL_NAME)]
Number = Annotated[float, PlainValidator(_number), WithJsonSchema(_NUMBER)]
Numbers = Annotated[
    tuple[Number, ...], BeforeValidator(_listed), _schema(anyOf=[_NUMBER, {"type": "array", "items": _NUMBER}])
]
StateNumber = Annotated[int, Field(ge=-(2**63), lt=2**64)]
NumberOrText = Annotated[float | str, PlainValidator(_number_or_text), _schema(type=["number", "string"])]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Scale = Annotated[Finite, AfterValidator(_not_zero)]
Duration = Annotated[Seconds, _schema(anyOf=[{"type": "string", "pattern": r"^([0-9]+(ms|[smhdwy]))+$"}, {"const": 0}])]
InFlight = Annotated[int | Literal["learn"], PlainValidator(_in_flight), _schema(anyOf=[_COUNT, {"const": "learn"}])]
