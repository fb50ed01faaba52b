"""What a unit answers to a request: registers, or a Modbus exception with the reason."""

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU

from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.framing import LARGEST_COUNTS, SPACES, Request, refusal, registers_answer
from exporters.dispenser.simulator.unit import Unit


def answer_of(unit: Unit, request: Request) -> ModbusPDU:
    """It refuses everything that does not read."""
    space = SPACES.get(request.function)
    if space is None:
        return refusal(request, ExcCodes.ILLEGAL_FUNCTION)
    if Fault.BUSY in unit.faults:
        return refusal(request, ExcCodes.DEVICE_BUSY)
    if not 1 <= request.size <= LARGEST_COUNTS[request.function]:
        return refusal(request, ExcCodes.ILLEGAL_VALUE)
    if (code := unit.traits.refusal(space, request.start, request.size)) is not None:
        return refusal(request, code)
    registers = unit.read(space, request.start, request.size)
    return refusal(request, ExcCodes.ILLEGAL_ADDRESS) if registers is None else registers_answer(request, registers)
