"""From registers to samples: types, scales, bits, not-available numbers and impossible values."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from exporters.dispenser import words
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import Identity, Value
from tapwatch.catalogue import Metric
from tapwatch.errors import PollError, PollReason


class Discarded(StrEnum):
    """Why a number that was read is not exposed."""

    NOT_AVAILABLE = "not_available"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class Sample:
    """One series' value now."""

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True)
class Decoded:
    """What one register said."""

    value: Value
    raw: bytes
    number: float
    """The number in the register, before scaling."""
    samples: tuple[Sample, ...]
    discarded: Discarded | None = None


def decode(read: Read, raw: bytes) -> Iterator[Decoded]:
    """Every value of one answer; `raw` holds all its registers, two bytes each."""
    for value in read.values:
        own = read.cut(raw, value.place, value.width)
        yield _decode(value, own)


def check_identity(identity: Identity, read: Read, raw: bytes, default_order: words.Order) -> None:
    """Raises PollError when the device is of another model than the map."""
    own = read.cut(raw, identity.place, words.width(identity.type))
    number = words.unpack(own, identity.type, default_order)
    if number != identity.equals:
        raise PollError(
            PollReason.IDENTITY,
            f"register {identity.place} holds {number:g}, and devices of this map hold {identity.equals:g} there",
        )


def scaled(number: float, scale: float) -> float:
    """`number` times `scale`, rounded as people write it: 653 at 0.1 is 65.3, not 65.30000000000001."""
    if scale >= 1:
        return number * scale
    divisor = 1 / scale
    return number / round(divisor) if math.isclose(divisor, round(divisor)) else number * scale


def _decode(value: Value, raw: bytes) -> Decoded:
    number = words.unpack(raw, value.type, value.order)
    if math.isnan(number) or number == value.not_available:
        return Decoded(value, raw, number, (), Discarded.NOT_AVAILABLE)
    if value.bits is not None:
        return Decoded(value, raw, number, tuple(_bit_samples(value, int(number))))
    if value.value_label is not None:
        labels = tuple(sorted({**value.labels, value.value_label: f"{number:g}"}.items()))
        return Decoded(value, raw, number, (Sample(value.metric, labels, 1),))
    result = scaled(number, value.scale)
    if math.isinf(result) or (value.range is not None and not value.range[0] <= result <= value.range[1]):
        return Decoded(value, raw, number, (), Discarded.OUT_OF_RANGE)
    return Decoded(value, raw, number, (Sample(value.metric, tuple(sorted(value.labels.items())), result),))


def _bit_samples(value: Value, number: int) -> Iterator[Sample]:
    bits = value.bits
    for position, name in enumerate(bits.names if bits else ()):
        if name is not None and bits is not None:
            labels = tuple(sorted({**value.labels, bits.label: name}.items()))
            yield Sample(value.metric, labels, number >> position & 1)
