"""What the faults of the line make of an answer: pure functions from the right one to what really arrives."""

import copy
from collections.abc import Collection, Sequence
from typing import TypeVar

from pymodbus.pdu import ModbusPDU

from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.framing import LARGEST_UNIT, Framing

_Number = TypeVar("_Number", bool, int)

Script = Sequence[tuple[float, bytes]]
"""What to send: seconds after the answer is due, and bytes."""

_NOISE = 0x55
_MISSING_BYTES = 3
_STRAY_REGISTER = 0x2A2A
_OTHER_FUNCTIONS = {1: 2, 2: 1, 3: 4, 4: 3}
_ERROR = 0x80


def distort(answer: ModbusPDU, framing: Framing, faults: Collection[Fault], split_seconds: float) -> Script:
    """The answer as the faults leave it."""
    frame = framing.frame(_distorted_pdu(answer, faults))
    if Fault.BAD_CRC in faults and framing.rtu:
        frame = frame[:-2] + _noisy(frame[-2:])
    if Fault.GARBAGE in faults:
        frame = _noisy(frame)
    if Fault.TRUNCATED in faults:
        frame = frame[:-_MISSING_BYTES]
    if Fault.INTERLEAVED in faults:
        frame = framing.frame(_stray(answer)) + frame
    if Fault.DUPLICATE in faults:
        frame += frame
    if Fault.SPLIT in faults:
        return [(number * split_seconds, bytes([byte])) for number, byte in enumerate(frame)]
    return [(0.0, frame)]


def _distorted_pdu(right: ModbusPDU, faults: Collection[Fault]) -> ModbusPDU:
    answer = copy.copy(right)
    if Fault.WRONG_UNIT in faults:
        answer.dev_id = _another_unit(right)
    if Fault.WRONG_TRANSACTION in faults:
        answer.transaction_id = (right.transaction_id + 1) % 0x10000
    if Fault.WRONG_FUNCTION in faults:
        plain, error = right.function_code & ~_ERROR, right.function_code & _ERROR
        answer.function_code = _OTHER_FUNCTIONS.get(plain, plain) | error
    if Fault.WRONG_COUNT in faults:
        answer.registers = _another_count(right.registers, 1)
        answer.bits = _another_count(right.bits, 8)  # so that the number of bytes differs
    return answer


def _noisy(piece: bytes) -> bytes:
    return bytes(byte ^ _NOISE for byte in piece)


def _stray(right: ModbusPDU) -> ModbusPDU:
    """Another unit's answer to an earlier question, of the same size as the right one."""
    answer = copy.copy(right)
    answer.dev_id = _another_unit(right)
    answer.transaction_id = (right.transaction_id - 1) % 0x10000
    answer.registers = [_STRAY_REGISTER] * len(right.registers)
    return answer


def _another_unit(right: ModbusPDU) -> int:
    return right.dev_id % LARGEST_UNIT + 1


def _another_count(values: Sequence[_Number], step: int) -> list[_Number]:
    """`step` fewer values, or as many more where there are no more than that."""
    return list(values[:-step]) if len(values) > step else list(values) + list(values[:1]) * step
