"""Modbus frames, both ways: questions to bytes, bytes to the answers that belong to them. No sockets and no clocks.

Only the four functions that read can be asked for, so nothing is ever written to a device.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fastcrc import crc16

from exporters.dispenser.registermap import Space
from tapwatch.errors import PollError, PollReason

# Modbus Application Protocol V1.1b3, sections 6.1 to 6.4.
FUNCTIONS: dict[Space, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_READING = frozenset(FUNCTIONS.values())
_BIT_FUNCTIONS = frozenset((FUNCTIONS["coil"], FUNCTIONS["discrete"]))
_REFUSED = 0x80

# The same, section 7.
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "the gateway's target did not respond",
}

_LARGEST_PDU = 253
"""The same, section 4.1."""
_EXCEPTION_BYTES = 2
_DATA_AT = 2
"""In an answer: after the function and the number of bytes."""
_MBAP = struct.Struct(">HHHB")
"""Transaction, protocol, length, unit: Modbus Messaging on TCP/IP V1.0b, section 3.1.3."""
_MBAP_BYTES = _MBAP.size
_SHORTEST_LENGTH = 1 + _EXCEPTION_BYTES
_PDU = struct.Struct(">BHH")
_CRC_BYTES = 2
_EXCEPTION_FRAME_BYTES = 5


class RefusedError(PollError):
    """The device answered a question with a Modbus exception; `code` says which."""

    def __init__(self, code: int, question: "Question") -> None:
        self.code = code
        meaning = EXCEPTIONS.get(code, "unknown")
        super().__init__(PollReason.EXCEPTION, f"the device refused {question} with exception {code} ({meaning})")


class GarbledError(PollError):
    """Something came that is not a valid answer to the question."""

    def __init__(self, message: str) -> None:
        super().__init__(PollReason.GARBLED, message)


@dataclass(frozen=True, slots=True)
class Question:
    """One request to read: `count` registers, coils or discrete inputs of a unit, from `start` on."""

    unit: int
    function: int
    start: int
    count: int

    @property
    def pdu(self) -> bytes:
        """Function and range: the same in every framing."""
        return _PDU.pack(self.function, self.start, self.count)

    @property
    def data_bytes(self) -> int:
        """How many bytes of data the answer has."""
        return -(-self.count // 8) if self.function in _BIT_FUNCTIONS else 2 * self.count

    @property
    def shape(self) -> tuple[int, int, int]:
        """What an answer without a transaction number can be told by."""
        return self.unit, self.function, self.data_bytes

    def data(self, unit: int, pdu: bytes) -> bytes:
        """The data of a whole answer, two bytes for each register, coil or discrete input.

        Raises RefusedError for a Modbus exception, and GarbledError when it answers another question.
        """
        if unit != self.unit:
            raise GarbledError(f"unit {unit} answered {self}")
        function = pdu[0]
        if function == self.function | _REFUSED and len(pdu) == _EXCEPTION_BYTES:
            raise RefusedError(pdu[1], self)
        size = self.data_bytes
        if pdu == self.pdu:
            raise GarbledError(f"{self} came back as it was")
        if function != self.function:
            raise GarbledError(f"{self} was answered by function {function}")
        if len(pdu) != _DATA_AT + size or pdu[1] != size:
            raise GarbledError(f"{self} was answered with {len(pdu) - _DATA_AT} bytes, not {size}")
        if function in _BIT_FUNCTIONS:
            bits = int.from_bytes(pdu[_DATA_AT:], "little")
            return b"".join(b"\0\1" if bits >> place & 1 else b"\0\0" for place in range(self.count))
        return pdu[_DATA_AT:]

    def __str__(self) -> str:
        return f"function {self.function} for {self.count} from {self.start} of unit {self.unit}"


class TcpFraming:
    """Modbus TCP: every answer carries its question's transaction number."""

    numbered = True

    def __init__(self) -> None:
        self._buffer = b""

    @staticmethod
    def encode(number: int, question: Question) -> bytes:
        """The request as it goes over the line."""
        pdu = question.pdu
        return _MBAP.pack(number, 0, 1 + len(pdu), question.unit) + pdu

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Transaction, unit and PDU of each whole answer. Raises GarbledError when frames cannot be told apart."""
        self._buffer += data
        while (end := self._frame_end(0)) is not None:
            # An answer that was cut short takes its last bytes from the next one, which then begins as nothing does.
            self._frame_end(end)
            frame, self._buffer = self._buffer[:end], self._buffer[end:]
            number, _, _, unit = _MBAP.unpack_from(frame)
            yield number, unit, frame[_MBAP_BYTES:]

    def _frame_end(self, start: int) -> int | None:
        """Where the frame that begins at `start` ends; None when it is not all there."""
        if len(self._buffer) < start + _MBAP_BYTES:
            return None
        _, protocol, length, _ = _MBAP.unpack_from(self._buffer, start)
        if protocol != 0 or not _SHORTEST_LENGTH <= length <= 1 + _LARGEST_PDU:
            raise GarbledError(f"the header {self._buffer[start : start + _MBAP_BYTES].hex(' ')} is not Modbus TCP's")
        end = start + _MBAP_BYTES - 1 + length
        return end if end <= len(self._buffer) else None


class RtuFraming:
    """RTU frames, on a serial line or over TCP: an answer is known by its unit, function and length alone."""

    numbered = False

    def __init__(self) -> None:
        self._buffer = b""
        self._echo = b""

    @staticmethod
    def encode(_number: int, question: Question) -> bytes:
        """The request as it goes over the line."""
        return with_crc(bytes((question.unit,)) + question.pdu)

    def expect(self, question: Question) -> None:
        """Forget what came before the question: it cannot be its answer."""
        self._buffer = b""
        self._echo = self.encode(0, question)

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """0, unit and PDU of each valid answer; noise and the echo of our own question are left out."""
        self._buffer = (self._buffer + data)[-_LARGEST_BUFFER:]
        while self._buffer:
            if self._echo and self._buffer.startswith(self._echo):
                self._buffer, self._echo = self._buffer[len(self._echo) :], b""
                continue
            size = _rtu_frame_bytes(self._buffer)
            if size is None:
                return  # the rest is still to come
            frame, self._buffer = self._buffer[: size or 1], self._buffer[size or 1 :]
            if size:
                yield 0, frame[0], frame[1:-_CRC_BYTES]


_LARGEST_BUFFER = 4096
"""Bytes of noise that are kept: more than any frame, and no more than a little."""


def with_crc(frame: bytes) -> bytes:
    """The frame with its check: Modbus over Serial Line V1.02, section 6.2.2."""
    return frame + crc16.modbus(frame).to_bytes(_CRC_BYTES, "little")


def _rtu_frame_bytes(buffer: bytes) -> int | None:
    """The length of the valid answer that the buffer begins with; 0 when it begins with none, None when too early."""
    if len(buffer) < _EXCEPTION_FRAME_BYTES:
        return None if _may_begin(buffer) else 0
    if not _may_begin(buffer):
        return 0
    size = _EXCEPTION_FRAME_BYTES if buffer[1] & _REFUSED else 3 + buffer[2] + _CRC_BYTES
    if len(buffer) < size:
        return None
    return size if with_crc(buffer[: size - _CRC_BYTES]) == buffer[:size] else 0


def _may_begin(buffer: bytes) -> bool:
    """Whether an answer can begin so: a unit other than the broadcast's, and a function that reads."""
    return buffer[0] != 0 and (len(buffer) == 1 or buffer[1] & ~_REFUSED in _READING)
