"""Streams of broken Modbus frames, and what may be taken from them: the right answer or nothing."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporters.dispenser.decode import MapDecoder, ReadDecoder
from exporters.dispenser.framing import GarbledError, Question, RefusedError, RtuFraming, TcpFraming, with_crc
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import Place
from tapwatch.errors import PollError

_MOST_PIECES = 5


@dataclass(frozen=True)
class Case:
    """A question, its right answer, and the stream that came instead."""

    question: Question
    number: int
    data: bytes
    stream: tuple[bytes, ...]
    is_tcp: bool


def frames_case(chance: random.Random) -> Case:
    """A stream of several pieces, cut anywhere."""
    question, number = _question(chance), chance.randrange(1 << 16)
    pdu = _answer(chance, question)
    is_tcp = chance.random() < 0.5
    kinds: list[_Piece] = chance.choices(_PIECES, k=chance.randint(1, _MOST_PIECES))
    if is_tcp:  # it has no checksum: after a piece that was cut short, nothing can be told of what follows
        cut_short: list[_Piece] = [_truncated] * (_truncated in kinds)
        kinds = [*(kind for kind in kinds if kind is not _truncated), *cut_short]
    stream = b"".join(kind(chance, question, number, pdu, is_tcp) for kind in kinds)
    return Case(question, number, question.data(question.unit, pdu), _cut(chance, stream), is_tcp)


def check_frames(case: Case) -> bool:
    """Whether the right answer was found; raises AssertionError when anything else was taken for it."""
    framing = TcpFraming() if case.is_tcp else RtuFraming()
    if isinstance(framing, RtuFraming):
        framing.expect(case.question)
    try:
        for part in case.stream:
            for number, unit, pdu in framing.feed(part):
                if case.is_tcp and number != case.number:
                    continue
                try:
                    data = case.question.data(unit, pdu)
                except RefusedError:
                    return False
                except GarbledError:
                    if case.is_tcp:
                        return False  # the line closes the connection
                    continue
                assert data == case.data, case
                return True
    except GarbledError:
        assert case.is_tcp, case
    return False


_DECODER = MapDecoder(load_maps([])["default"])
_READ: ReadDecoder = _DECODER.read_decoder(Read(Place("input", 0), 48, tuple(_DECODER.map.values)))


def check_decoder(chance: random.Random) -> None:
    """Whatever 48 registers hold, each sample is within its map's range, and what is not is counted."""
    raw = chance.randbytes(96)
    if chance.random() < 0.5:
        raw = struct.pack(">H", 0x5744) + raw[2:]
    reading = _DECODER.reading()
    try:
        _READ.check_identity(raw)
    except PollError:
        assert raw[:2] != b"WD"
        return
    _READ.decode(raw, reading)
    for decoder in _DECODER.values.values():
        texts = reading.texts[decoder.first_slot : decoder.last_slot]
        assert (texts.count(None) == len(texts)) == (decoder.first_slot in reading.discarded), raw.hex()
        limits = decoder.value.range
        if limits is not None and texts[0] is not None:
            assert limits[0] <= float(texts[0]) <= limits[1], raw.hex()


def _question(chance: random.Random) -> Question:
    function = chance.randint(1, 4)
    count = chance.choice((1, 2, 8, 48, 125, chance.randint(1, 125)))
    return Question(chance.randint(1, 247), function, chance.randrange(60_000), count)


def _answer(chance: random.Random, question: Question) -> bytes:
    size = question.data_bytes
    return bytes((question.function, size)) + chance.randbytes(size)


def _framed(number: int, unit: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001 - one of two framings
    if is_tcp:
        return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu
    return with_crc(bytes((unit,)) + pdu)


_Piece = Callable[[random.Random, Question, int, bytes, bool], bytes]


def _right(_chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    return _framed(number, question.unit, pdu, is_tcp)


def _truncated(chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    frame = _framed(number, question.unit, pdu, is_tcp)
    return frame[: chance.randrange(len(frame))]


def _flipped(chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    """One bit wrong: anywhere on RTU, which has a checksum; in the header on TCP, which has none of its own."""
    frame = bytearray(_framed(number, question.unit, pdu, is_tcp))
    at = chance.randrange(9 if is_tcp else len(frame))
    frame[at] ^= 1 << chance.randrange(8)
    return bytes(frame)


def _of_another_unit(chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    unit = question.unit % 247 + 1
    return _framed(number, unit, pdu[:2] + chance.randbytes(len(pdu) - 2), is_tcp)


def _of_another_length(chance: random.Random, question: Question, number: int, _pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    other = replace(question, count=question.count + chance.choice((16, 24)))
    size = min(other.data_bytes, 250)
    if size == question.data_bytes:
        size -= 2
    return _framed(number, question.unit, bytes((question.function, size)) + chance.randbytes(size), is_tcp)


def _of_another_function(chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    return _framed(number, question.unit, bytes((question.function % 4 + 1,)) + chance.randbytes(len(pdu) - 1), is_tcp)


def _of_another_transaction(chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    """On RTU there are none: then it is another unit's."""
    if not is_tcp:
        return _of_another_unit(chance, question, number, pdu, is_tcp)
    other = (number + chance.randint(1, 65_535)) % (1 << 16)
    return _framed(other, question.unit, pdu[:2] + chance.randbytes(len(pdu) - 2), is_tcp)


def _refusal(chance: random.Random, question: Question, number: int, _pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    return _framed(number, question.unit, bytes((question.function | 0x80, chance.randrange(256))), is_tcp)


def _noise(chance: random.Random, _question: Question, _number: int, _pdu: bytes, _is_tcp: bool) -> bytes:  # noqa: FBT001
    return chance.randbytes(chance.randint(1, 300))


def _echo(_chance: random.Random, question: Question, number: int, _pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    return (TcpFraming if is_tcp else RtuFraming).encode(number, question)


def _hidden(chance: random.Random, question: Question, number: int, pdu: bytes, is_tcp: bool) -> bytes:  # noqa: FBT001
    """Another unit's valid frame, whose data is a forged answer to our question."""
    forged = _framed(number, question.unit, pdu[:2] + chance.randbytes(len(pdu) - 2), is_tcp)
    forged += bytes(len(forged) % 2)
    if len(forged) > 250:
        return b""
    unit = question.unit % 247 + 1
    other = (number + 1) % (1 << 16)
    return _framed(other, unit, bytes((question.function, len(forged))) + forged, is_tcp)


_PIECES: tuple[_Piece, ...] = (
    _right,
    _right,
    _truncated,
    _flipped,
    _of_another_unit,
    _of_another_length,
    _of_another_function,
    _of_another_transaction,
    _refusal,
    _noise,
    _echo,
    _hidden,
)


def _cut(chance: random.Random, stream: bytes) -> tuple[bytes, ...]:
    """The stream in pieces as a network would deliver it."""
    cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(chance.randint(0, 3)))
    return tuple(stream[start:end] for start, end in zip((0, *cuts), (*cuts, len(stream)), strict=True))
