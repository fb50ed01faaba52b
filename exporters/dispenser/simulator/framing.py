"""Modbus requests and answers as bytes: pymodbus' framers and messages, for Modbus TCP and for RTU."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from exporters.dispenser.registermap import Space

LARGEST_UNIT = 247
"""The last unit number on one line: Modbus over Serial Line V1.02, section 2.2."""

# Modbus Application Protocol V1.1b3, sections 6.1 to 6.4: the functions that read.
SPACES: dict[int, Space] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
LARGEST_COUNTS = {1: 2000, 2: 2000, 3: 125, 4: 125}

_BIT_ANSWERS = {1: ReadCoilsResponse, 2: ReadDiscreteInputsResponse}
_REGISTER_ANSWERS = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}

_READ_SIZE = 8
"""Bytes of a request that reads, framed as RTU."""
_TCP_EXTRA = 4
"""Bytes by which a frame of Modbus TCP is longer than the same one of RTU."""

_START_AND_COUNT = struct.Struct(">HH")
_CRC_SIZE = 2


class Request(NamedTuple):
    """What a client asks for."""

    unit: int
    transaction: int
    function: int
    start: int = 0
    size: int = 0
    """0 for a function that does not read."""
    characters: int = _READ_SIZE
    """How many it is on a serial line."""


class Framing:
    """Takes requests out of a stream of bytes, and frames answers."""

    def __init__(self, *, rtu: bool) -> None:
        self.rtu = rtu
        self._framer: FramerBase = (FramerRTU if rtu else FramerSocket)(DecodePDU(True))  # noqa: FBT003 - pymodbus' way to say: of a server

    def parse(self, data: bytes) -> tuple[int, Request | None]:
        """(bytes used, request) of the first frame; 0 bytes when more must come, no request where it is none."""
        if self.rtu and data[1:2] and data[1] in SPACES:
            data = data[:_READ_SIZE]  # else pymodbus takes whatever follows for a part of this frame
        used, unit, transaction, body = self._framer.decode(data)
        return used, _request(unit, transaction, body) if body else None

    def frame(self, answer: ModbusPDU) -> bytes:
        """The answer as it goes out."""
        return self._framer.buildFrame(answer)

    def characters(self, frame: bytes) -> int:
        """How many a frame is on a serial line."""
        return len(frame) if self.rtu else len(frame) - _TCP_EXTRA


def _request(unit: int, transaction: int, body: bytes) -> Request:
    function = body[0]
    if function not in SPACES or len(body) < 1 + _START_AND_COUNT.size:
        return Request(unit, transaction, function, characters=1 + len(body) + _CRC_SIZE)
    start, count = _START_AND_COUNT.unpack_from(body, 1)
    return Request(unit, transaction, function, start, count)


def registers_answer(request: Request, registers: Sequence[int]) -> ModbusPDU:
    """The registers, or bits, that were asked for."""
    if request.function in _BIT_ANSWERS:
        answer: ModbusPDU = _BIT_ANSWERS[request.function](bits=[bool(register) for register in registers])
    else:
        answer = _REGISTER_ANSWERS[request.function](registers=list(registers))
    return _addressed(answer, request)


def refusal(request: Request, code: int) -> ModbusPDU:
    """A Modbus exception."""
    return _addressed(ExceptionResponse(request.function, code), request)


def _addressed(answer: ModbusPDU, request: Request) -> ModbusPDU:
    answer.transaction_id = request.transaction
    answer.dev_id = request.unit
    return answer
