"""The line to one gateway: one kept connection, one request at a time. The only module that imports pymodbus' client.

It can read and nothing else: no function that writes to a device is ever called.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from exporters.dispenser.address import Gateway, Transport
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import Space
from tapwatch import catalogue
from tapwatch.errors import PollError, PollReason
from tapwatch.instruments import counter, gauge

_FRAMERS: dict[Transport, FramerType] = {"tcp": FramerType.SOCKET, "rtu+tcp": FramerType.RTU}

_NEVER_SECONDS = 3600.0
"""Given to pymodbus as its own timeouts; ours end every wait long before."""

# Modbus Application Protocol V1.1b3, sections 6.1 to 6.4.
_FUNCTIONS: dict[Space, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}

# Modbus Application Protocol V1.1b3, section 7.
_EXCEPTIONS = {
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


class LineMetrics:
    """What all lines of a process count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = counter(catalogue.GATEWAY_CONNECTIONS, registry)
        self.connected = gauge(catalogue.GATEWAY_CONNECTED, registry)
        self.requests = counter(catalogue.MODBUS_REQUESTS, registry)


@dataclass
class _Connection:
    """One TCP connection, and what has come over it since the last question."""

    client: AsyncModbusTcpClient = field(init=False)
    gateway: Gateway
    bytes_received: int = 0
    asked: bool = False

    def __post_init__(self) -> None:
        self.client = AsyncModbusTcpClient(
            self.gateway.host,
            port=self.gateway.port,
            framer=_FRAMERS[self.gateway.transport],
            timeout=_NEVER_SECONDS,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._note_packet,
            trace_connect=self._note_connect,
        )

    def _note_packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' callback
        self.bytes_received += 0 if sending else len(data)
        return data

    def _note_connect(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus' callback
        """Pymodbus waits its whole timeout for an answer that a broken connection can no longer bring."""
        waiting = self.client.ctx.response_future if self.asked else None
        if not connected and waiting is not None and not waiting.done():
            waiting.set_exception(ConnectionResetError("the gateway closed the connection"))


class Line:
    """The queue and the kept connection of one gateway."""

    def __init__(self, gateway: Gateway, metrics: LineMetrics) -> None:
        self.gateway = gateway
        self.requests = 0
        """Sent since the line exists."""
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._connection: _Connection | None = None

    async def wait_turn(self) -> None:
        """Wait in line until nobody else talks to the gateway; `release` ends the turn."""
        await self._turn.acquire()

    def release(self) -> None:
        """Let the next in line talk."""
        self._turn.release()

    @property
    def busy(self) -> bool:
        """Whether somebody talks to the gateway now."""
        return self._turn.locked()

    def close(self) -> None:
        """Close the connection, if there is one. A late answer is closed out with it."""
        if self._connection is not None:
            self._connection.client.close()
            self._connection = None
            self._metrics.connected.dec()

    async def read(self, unit: int, read: Read, timeout: float) -> bytes:  # noqa: ASYNC109 - seconds of one exchange
        """Ask once, within `timeout` seconds; two bytes for each register, coil or discrete input.

        A kept connection that turns out to be closed is replaced once. Raises PollError.
        """
        try:
            async with asyncio.timeout(timeout):
                kept = self._connection is not None
                try:
                    return await self._exchange(unit, read)
                except PollError as error:
                    if error.reason is not PollReason.DISCONNECT or not kept:
                        raise
                return await self._exchange(unit, read)
        except TimeoutError as error:
            raise self._timed_out() from error
        except BaseException as error:
            if not (isinstance(error, PollError) and error.reason is PollReason.EXCEPTION):
                self.close()
            raise

    def _timed_out(self) -> PollError:
        """Close, so that an answer that comes late can never be taken for another question's."""
        connection = self._connection
        self.close()
        if connection is None:
            return PollError(PollReason.CONNECT, f"{self.gateway} did not accept a connection in time")
        if connection.bytes_received:
            count = connection.bytes_received
            return PollError(PollReason.GARBLED, f"{count} bytes came, but no valid answer to the question")
        return PollError(PollReason.TIMEOUT, "no answer in time")

    async def _exchange(self, unit: int, read: Read) -> bytes:
        connection = self._connection or await self._connect()
        self.requests += 1
        self._metrics.requests.inc()
        connection.bytes_received, connection.asked = 0, True
        try:
            answer = await _ask(connection.client, unit, read)
        except (ModbusException, OSError) as error:
            reason = PollReason.DISCONNECT if _is_broken(connection, error) else PollReason.GARBLED
            self.close()
            raise PollError(reason, str(error)) from error
        finally:
            connection.asked = False
        return _words(answer, read)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            await loop.getaddrinfo(self.gateway.host, self.gateway.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise PollError(PollReason.RESOLVE, f"the host name {self.gateway.host} has no address") from error
        connection = _Connection(self.gateway)
        if not await connection.client.connect():
            raise PollError(PollReason.CONNECT, f"{self.gateway} does not accept connections")
        self._connection = connection
        self._metrics.connections.inc()
        self._metrics.connected.inc()
        return connection


async def _ask(client: AsyncModbusTcpClient, unit: int, read: Read) -> ModbusPDU:
    ask: dict[Space, Callable[..., Awaitable[ModbusPDU]]] = {
        "input": client.read_input_registers,
        "holding": client.read_holding_registers,
        "coil": client.read_coils,
        "discrete": client.read_discrete_inputs,
    }
    return await ask[read.start.space](read.start.number, count=read.count, device_id=unit)


def _is_broken(connection: _Connection, error: Exception) -> bool:
    return isinstance(error, OSError) or not connection.client.connected


def _words(answer: ModbusPDU, read: Read) -> bytes:
    """The answer's registers; raises PollError when it is an exception or answers another question."""
    if isinstance(answer, ExceptionResponse):
        meaning = _EXCEPTIONS.get(answer.exception_code, "unknown")
        message = f"the device refused {read} with exception {answer.exception_code} ({meaning})"
        raise PollError(PollReason.EXCEPTION, message)
    if answer.function_code != _FUNCTIONS[read.start.space]:
        raise PollError(PollReason.GARBLED, f"{read} was answered by function {answer.function_code}")
    if read.start.space in {"coil", "discrete"}:
        # Bits come in whole bytes, so there may be up to seven more than were asked for.
        bits = answer.bits[: read.count]
        numbers, complete = [int(bit) for bit in bits], len(answer.bits) == -(-read.count // 8) * 8
    else:
        numbers, complete = list(answer.registers), len(answer.registers) == read.count
    if not complete:
        raise PollError(PollReason.GARBLED, f"{read} was answered with {len(numbers)} values")
    return struct.pack(f">{len(numbers)}H", *numbers)
