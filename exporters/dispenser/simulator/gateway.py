"""A simulated gateway: pymodbus' server in front of several units, with the faults of the line."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsResponse, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from exporters.dispenser.address import Gateway
from exporters.dispenser.registermap import Space
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.unit import Unit
from tapwatch.errors import TapwatchError

LARGEST_UNIT = 247
"""The last unit number on one line: Modbus over Serial Line V1.02, section 2.2."""

# Modbus Application Protocol V1.1b3, sections 6.1 to 6.4: the functions that read.
_SPACES: dict[int, Space] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_BIT_ANSWERS = {1: ReadCoilsResponse, 2: ReadDiscreteInputsResponse}
_REGISTER_ANSWERS = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}

_LARGEST_BUFFER = 64 * 1024
"""Bytes of requests that may arrive together; pymodbus throws away what is more than one frame's."""

_NOISE = 0x55


@dataclass
class Traffic:
    """What has gone over a gateway's network side."""

    connections: int = 0
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class SimulatedGateway:
    """Units behind one TCP port."""

    def __init__(self, gateway: Gateway, units: Mapping[int, Unit], slow_seconds: float) -> None:
        self.gateway = gateway
        self.units = units
        self.slow_seconds = slow_seconds
        self.traffic = Traffic()
        self._server: _Server | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Listen; raises TapwatchError when the port is taken."""
        server = _Server(self)
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise TapwatchError(f"cannot listen on {self.gateway}") from error
        self._server = server

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus
            self._server = None

    async def follow_faults(self) -> None:
        """Go off or on line as the units' faults say."""
        async with self._turn:
            off = any(Fault.GATEWAY_OFFLINE in unit.faults for unit in self.units.values())
            if off:
                await self.stop()
            elif self._server is None:
                await self.start()


class _Server(ModbusTcpServer):
    """Pymodbus' server without its own data: each connection asks our units."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        super().__init__(
            SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)]),  # it insists on one; nothing reads it
            framer=FramerType.RTU if gateway.gateway.transport == "rtu+tcp" else FramerType.SOCKET,
            address=(gateway.gateway.host, gateway.gateway.port),
        )
        self._gateway = gateway

    def callback_new_connection(self) -> "_Connection":
        return _Connection(self, self._gateway)


class _Connection(ServerRequestHandler):
    """Answers each request under its own transaction and unit.

    Pymodbus' own handler keeps the last request only: of two that arrive together it loses one, and an answer that
    comes late carries the next request's transaction and unit.
    """

    def __init__(self, server: _Server, gateway: SimulatedGateway) -> None:
        super().__init__(server, None, None, self._note_connection)  # type: ignore[no-untyped-call]  # pymodbus
        self._gateway = gateway
        self._requests: deque[ModbusPDU] = deque()
        self.max_buffer_size = _LARGEST_BUFFER

    def _note_connection(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus' callback
        self._gateway.traffic.connections += connected

    def data_received(self, data: bytes) -> None:
        """Count what comes in."""
        self._gateway.traffic.bytes_in += len(data)
        super().data_received(data)

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Take every whole request that is there; the base class schedules `handle_later` once for each."""
        used = 0
        while used < len(data) and (length := super().callback_data(data[used:], addr)):
            used += length
            if self.last_pdu is not None:
                self._requests.append(self.last_pdu)
        return used

    def handle_later(self) -> None:
        """Answer the oldest request."""
        request = self._requests.popleft()
        self._gateway.traffic.requests += 1
        unit = self._gateway.units.get(request.dev_id)
        if unit is None or Fault.OFFLINE in unit.faults:
            return
        answer = _answer(unit, request)
        answer.transaction_id = request.transaction_id
        answer.dev_id = request.dev_id
        if Fault.WRONG_UNIT in unit.faults:
            answer.dev_id = request.dev_id % LARGEST_UNIT + 1
        if Fault.SLOW in unit.faults:
            self.loop.call_later(self._gateway.slow_seconds, self._send, answer, unit)
        else:
            self._send(answer, unit)

    def _send(self, answer: ModbusPDU, unit: Unit) -> None:
        """Write the frame, with flipped bits where there is noise on the line; not at all once the client is gone."""
        if not isinstance(self.transport, asyncio.WriteTransport) or self.transport.is_closing():
            return
        frame = self.framer.buildFrame(answer)
        if Fault.GARBAGE in unit.faults:
            frame = bytes(byte ^ _NOISE for byte in frame)
        self._gateway.traffic.bytes_out += len(frame)
        self.transport.write(frame)  # not pymodbus' send, which forgets what has come of the next request


def _answer(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    """What the unit says to a request; it refuses everything that does not read."""
    function = request.function_code
    if function not in _SPACES:
        return ExceptionResponse(function, ExcCodes.ILLEGAL_FUNCTION)
    if Fault.BUSY in unit.faults:
        return ExceptionResponse(function, ExcCodes.DEVICE_BUSY)
    registers = unit.read(_SPACES[function], request.address, request.count)
    if registers is None:
        return ExceptionResponse(function, ExcCodes.ILLEGAL_ADDRESS)
    if function in _BIT_ANSWERS:
        return _BIT_ANSWERS[function](bits=[bool(register) for register in registers])
    return _REGISTER_ANSWERS[function](registers=list(registers))
