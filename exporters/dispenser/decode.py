"""From registers to the text of samples: types, scales, bits, not-available numbers and impossible values.

A number that a register held before has the same text again, and for most registers there are few of them. So the
texts are kept, which makes a reading cost little more than looking them up.
"""

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from prometheus_client.utils import floatToGoString

from exporters.dispenser import words
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import Place, RegisterMap, Value
from tapwatch.catalogue import Metric
from tapwatch.errors import PollError, PollReason

_KEPT_TEXTS = 2048
_LARGEST_EXPONENT = 10
"""Of SunSpec's scale factors: SunSpec Device Information Model Specification V1.2, section on point types."""

_CODES = {"u16": "H", "s16": "h", "u32": "I", "s32": "i", "u64": "Q", "s64": "q", "bit": "H"}
_CODES |= {"f16": "e", "f32": "f", "f64": "d"}

Texts = list[str | None]
"""By slot, the text of each sample's value; None where there is none. An info's text is its label's value."""


class Discarded(StrEnum):
    """Why a number is not exposed."""

    NOT_AVAILABLE = "not_available"
    OUT_OF_RANGE = "out_of_range"
    REFUSED = "refused"
    """The device does not let its register be read."""


@dataclass(frozen=True)
class Slot:
    """One series of a map, and where its text stands."""

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    value_label: str | None
    """The label that takes the text; the series' own value is then 1."""


class Rendered(NamedTuple):
    """What one number says: a text for each of its value's slots."""

    texts: tuple[str | None, ...]
    discarded: Discarded | None = None


@dataclass(frozen=True)
class Decoded:
    """What one value's registers said, for people."""

    value: Value
    raw: bytes
    number: float | str
    """What is in the registers, before scaling."""
    rendered: Rendered
    slots: tuple[Slot, ...]


class ValueDecoder:
    """Turns the numbers of one value into text, and remembers."""

    def __init__(self, value: Value, first_slot: int) -> None:
        self.value = value
        self.slots = tuple(Slot(value.metric, labels, value.value_label) for labels in _label_sets(value))
        self.first_slot = first_slot
        self.last_slot = first_slot + len(self.slots)
        self._nothing: tuple[None, ...] = (None,) * len(self.slots)
        self._not_available = value.not_available | ({0} if value.metric.is_time else set())
        self._to_number = _scaling(value.scale)
        self._known: dict[float | str, Rendered] = {}
        self._keeps = value.width == 1 and not words.is_float(value.type) and value.exponent is None

    def render(self, number: float | str, exponent: float | None) -> Rendered:
        """The texts for what the registers held; `exponent` is what the exponent's register held, if there is one."""
        known = self._known.get(number)
        if known is not None:
            return known
        rendered = self._render(number, exponent)
        if self._keeps:
            if len(self._known) >= _KEPT_TEXTS:
                self._known.clear()
            self._known[number] = rendered
        return rendered

    def number(self, raw: bytes) -> float | str:
        """What stands in the value's own registers."""
        value = self.value
        if value.type == "string":
            return words.unpack_text(raw, value.order)
        return words.unpack(raw, value.type, value.order)

    def _render(self, number: float | str, exponent: float | None) -> Rendered:
        value = self.value
        if isinstance(number, str):
            return Rendered((number,)) if number else self._discard(Discarded.NOT_AVAILABLE)
        if math.isnan(number) or number in self._not_available:
            return self._discard(Discarded.NOT_AVAILABLE)
        if value.field is not None:
            number = _part(int(number), value.field, signed=value.type.startswith("s"))
        if value.bits is not None or value.enum is not None:
            return self._render_states(int(number))
        if value.value_label is not None:
            return Rendered((f"{number:.15g}",))
        return self._render_scaled(number, exponent)

    def _render_states(self, number: int) -> Rendered:
        """1 for each state that holds, 0 for each that does not."""
        value = self.value
        if value.bits is not None:
            places = (place for place, name in enumerate(value.bits.names) if name is not None)
            return Rendered(tuple("1.0" if number >> place & 1 else "0.0" for place in places))
        states = value.enum.names if value.enum is not None else {}
        if number not in states:
            return self._discard(Discarded.OUT_OF_RANGE)
        return Rendered(tuple("1.0" if number == one else "0.0" for one in states))

    def _render_scaled(self, number: float, exponent: float | None) -> Rendered:
        value = self.value
        result = self._to_number(number)
        if value.exponent is not None:
            if exponent is None or abs(exponent) > _LARGEST_EXPONENT:
                return self._discard(Discarded.NOT_AVAILABLE)
            result = result * 10**exponent if exponent >= 0 else result / 10**-exponent
        result += value.offset
        if math.isinf(result) or (value.range is not None and not value.range[0] <= result <= value.range[1]):
            return self._discard(Discarded.OUT_OF_RANGE)
        return Rendered((floatToGoString(result),))  # type: ignore[no-untyped-call]  # prometheus-client's

    def _discard(self, why: Discarded) -> Rendered:
        return Rendered(self._nothing, why)


@dataclass
class Reading:
    """What is known of one device: the texts of its samples, and the exponents that scale them."""

    texts: Texts
    exponents: dict[Place, float] = field(default_factory=dict)
    discarded: dict[int, Discarded] = field(default_factory=dict)
    """By first slot, why a value is not exposed."""


class MapDecoder:
    """Everything about a map that can be prepared before the first answer."""

    def __init__(self, register_map: RegisterMap) -> None:
        self.map = register_map
        self.values: dict[int, ValueDecoder] = {}
        by_metric: dict[Metric, list[Value]] = {}
        for value in register_map.values:
            by_metric.setdefault(value.metric, []).append(value)
        slots: list[Slot] = []
        for value in (value for values in by_metric.values() for value in values):
            self.values[id(value)] = decoder = ValueDecoder(value, len(slots))
            slots += decoder.slots
        self.slots: Sequence[Slot] = tuple(slots)
        """Those of one metric stand together."""
        self.exponents = {value.exponent for value in register_map.values if value.exponent is not None}

    def reading(self) -> Reading:
        """Of a device that nothing is known of yet."""
        return Reading([None] * len(self.slots))

    def read_decoder(self, read: Read) -> "ReadDecoder":
        """What is needed for the answers to one request."""
        return ReadDecoder(self, read)


class ReadDecoder:
    """Decodes the answers to one request."""

    def __init__(self, decoder: MapDecoder, read: Read) -> None:
        self.read = read
        self._map = decoder
        self._values = [decoder.values[id(value)] for value in read.values]
        self._exponents = [place for place in decoder.exponents if read.holds(place, 1)]
        self._layout, self._takers = _layout(read, self._values)

    def note_exponents(self, raw: bytes, reading: Reading) -> None:
        """Take the exponents from an answer; before any is decoded, since they scale the values of other answers too.

        `raw` holds all registers of the request, two bytes each.
        """
        for place in self._exponents:
            reading.exponents[place] = words.unpack(self.read.cut(raw, place, 1), "s16", self._map.map.order)

    def decode(self, raw: bytes, reading: Reading) -> None:
        """Put the answer's values into the reading."""
        texts, exponents, discarded = reading.texts, reading.exponents, reading.discarded
        parts = self._layout.unpack(raw)
        for index, convert, taker in self._takers:
            part = parts[index] if convert is None else convert(parts[index])
            exponent = None if taker.value.exponent is None else exponents.get(taker.value.exponent)
            rendered, why = taker.render(part, exponent)
            texts[taker.first_slot : taker.last_slot] = rendered
            if why is not None:
                discarded[taker.first_slot] = why

    def explain(self, raw: bytes, reading: Reading) -> Iterator[Decoded]:
        """The same for people: what each value's registers held."""
        for taker in self._values:
            value = taker.value
            own = self.read.cut(raw, value.place, value.width)
            exponent = reading.exponents.get(value.exponent) if value.exponent is not None else None
            number = taker.number(own)
            yield Decoded(value, own, number, taker.render(number, exponent), taker.slots)

    def check_identity(self, raw: bytes) -> None:
        """Raises PollError when the answer tells that the device is of another model than the map."""
        identity, order = self._map.map.identity, self._map.map.order
        if identity is None or not self.read.holds(identity.place, identity.width):
            return
        own = self.read.cut(raw, identity.place, identity.width)
        held = words.unpack_text(own, order) if identity.type == "string" else words.unpack(own, identity.type, order)
        if held != identity.equals:
            raise PollError(
                PollReason.IDENTITY,
                f"register {identity.place} holds {_shown(held)}, and devices of this map hold "
                f"{_shown(identity.equals)} there",
            )


def _shown(held: float | str) -> str:
    return repr(held) if isinstance(held, str) else f"{held:.15g}"


_Convert = Callable[[Any], float | str]


def _layout(
    read: Read, decoders: Iterable[ValueDecoder]
) -> tuple[struct.Struct, list[tuple[int, _Convert | None, ValueDecoder]]]:
    """One format that takes a whole answer apart, and for each value the part that is its.

    Where `struct` does not know a number's type or order, or two values share their registers, the part is bytes and
    is converted.
    """
    groups: dict[tuple[Place, int], list[ValueDecoder]] = {}
    for decoder in decoders:
        groups.setdefault((decoder.value.place, decoder.value.width), []).append(decoder)
    layout, reach = ">", read.start.number
    takers: list[tuple[int, _Convert | None, ValueDecoder]] = []
    for index, ((place, width), group) in enumerate(sorted(groups.items(), key=lambda item: item[0])):
        layout += f"{2 * (place.number - reach)}x"
        codes = {_code(decoder.value) for decoder in group}
        code = codes.pop() if len(codes) == 1 else None
        layout += code or f"{2 * width}s"
        takers += [(index, None if code else decoder.number, decoder) for decoder in group]
        reach = place.number + width
    layout += f"{2 * (read.start.number + read.count - reach)}x"
    return struct.Struct(layout), takers


def _code(value: Value) -> str | None:
    """`struct`'s letter for the value's type; None where it has none, or the order is another."""
    in_line_order = value.order == "ABCD" or (value.order == "CDAB" and value.width == 1)
    return _CODES.get(value.type) if in_line_order else None


def _label_sets(value: Value) -> Iterator[tuple[tuple[str, str], ...]]:
    """The labels of each series, sorted; without the one that takes the number or text."""
    for _, labels in value.series:
        yield tuple(pair for pair in labels if pair[0] != value.value_label)


def _part(number: int, bits: tuple[int, int], *, signed: bool) -> int:
    """The number in the bits from the lowest to the highest given; two's complement when signed."""
    low, high = bits
    size = high - low + 1
    part = number >> low & (1 << size) - 1
    return part - (1 << size) if signed and part >> size - 1 else part


def _scaling(scale: float) -> Callable[[float], float]:
    """Times the scale, rounded as people write it: 653 at 0.1 is 65.3, not 65.30000000000001."""
    divisor = 1 / scale if 0 < abs(scale) < 1 else 0
    if divisor and math.isclose(divisor, round(divisor)):
        whole = round(divisor)
        return lambda number: number / whole
    return lambda number: number * scale
