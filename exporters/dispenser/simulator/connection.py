"""Pymodbus' server in front of a simulated gateway: it listens, accepts, and hands on what arrives."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Protocol

from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.transport import CommParams, CommType

from exporters.dispenser.simulator.distortion import Script
from exporters.dispenser.simulator.framing import Framing, Request

_LARGEST_BUFFER = 64 * 1024
"""Bytes of requests that may arrive together; pymodbus throws away what is more than one frame's."""

_STALE_SECONDS = 0.05
"""What has come of an RTU request is forgotten when the rest takes longer: a pause ends a frame."""

_AFTERWARDS = 1e-6
"""Seconds that keep two pieces in order: the loop does not, for equal times."""


@dataclass
class Traffic:
    """What has gone over a gateway since the simulation began."""

    connections: int = 0
    """Those that were accepted."""
    turned_away: int = 0
    """Connections beyond the limit, closed at once."""
    requests: int = 0
    refused: int = 0
    """Requests answered by exception 6, as too many waited for the line."""
    dropped: int = 0
    """Requests that were lost, as too many of the same connection were under way."""
    bytes_in: int = 0
    bytes_out: int = 0
    line_seconds: float = 0.0
    """How long the serial line was occupied, until the end of the exchange under way."""


class Switchboard(Protocol):
    """Where connections hand their requests to."""

    @property
    def traffic(self) -> Traffic:
        """What it counts."""

    def join(self) -> bool:
        """A connection was made; False when there are too many."""

    def leave(self) -> None:
        """A connection that has joined is gone."""

    def ask(self, request: Request, connection: "Connection") -> None:
        """Count it as in flight and answer through the connection, now or later, by one call of its `finish`."""


class Server(ModbusTcpServer):
    """Pymodbus' server without its own data."""

    def __init__(
        self, switchboard: Switchboard, address: tuple[str, int], *, rtu: bool, tls: ssl.SSLContext | None = None
    ) -> None:
        if tls is not None:
            self.tls_setup = CommParams(comm_type=CommType.TLS, comm_name="server_listener", sslctx=tls)
        # It insists on data of its own; nothing reads them.
        super().__init__(SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)]), address=address)
        self._switchboard = switchboard
        self._rtu = rtu

    def callback_new_connection(self) -> "Connection":
        """One that answers by itself."""
        return Connection(self, self._switchboard, Framing(rtu=self._rtu))

    async def hang_up(self) -> None:
        """Close the port and every connection, at once: a gateway that goes off takes no leave, which TLS waits for."""
        open_ones = [one.transport for one in self.active_connections.values()]
        await self.shutdown()  # type: ignore[no-untyped-call]  # pymodbus
        for transport in open_ones:
            if isinstance(transport, asyncio.WriteTransport) and transport.get_extra_info("sslcontext"):
                transport.abort()


class Connection(ServerRequestHandler):
    """Takes every request that arrives, and answers each under its own transaction and unit.

    Pymodbus' own handler keeps the last request only: of two that arrive together it loses one, and an answer that
    comes late carries the next request's transaction and unit.
    """

    def __init__(self, server: ModbusTcpServer, switchboard: Switchboard, framing: Framing) -> None:
        super().__init__(server, None, None, self._note_connection)  # type: ignore[no-untyped-call]  # pymodbus
        self.framing = framing
        self.in_flight = 0
        """Requests that have neither been answered nor given up."""
        self._switchboard = switchboard
        self._joined = False
        self._heard_at = 0.0
        self._sending_until = 0.0
        self.max_buffer_size = _LARGEST_BUFFER

    def _note_connection(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus' callback
        if connected and self.is_closing:  # the gateway went off while TLS was still shaking hands
            self.transport.close()
        elif connected:
            self._joined = self._switchboard.join()
            if not self._joined:
                self.close()
        elif self._joined:
            self._joined = False
            self._switchboard.leave()

    def data_received(self, data: bytes) -> None:
        """Count what comes in."""
        self._switchboard.traffic.bytes_in += len(data)
        if self.framing.rtu:
            now = self.loop.time()
            if now - self._heard_at > _STALE_SECONDS:
                self.recv_buffer = b""
            self._heard_at = now
        super().data_received(data)

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:  # noqa: ARG002 - pymodbus names it
        """Hand on every whole request that is there; the base class keeps the rest."""
        used = 0
        while used < len(data):
            length, request = self.framing.parse(data[used:])
            if not length:
                break
            used += length
            if request is not None:
                self._switchboard.ask(request, self)
        return used

    def finish(self, script: Script = ()) -> None:
        """One request is answered by this, or given up without any."""
        self.in_flight -= 1
        self.deliver(script, self.loop.time())

    def deliver(self, script: Script, due: float) -> None:
        """Write each piece at its time after `due`, of the loop's clock; after all of an earlier script's pieces."""
        due = max(due, self._sending_until)
        for delay, piece in script:
            if delay <= 0 and due <= self.loop.time():
                self._write(piece)
            else:
                self.loop.call_at(due + delay, self._write, piece)
                self._sending_until = due + delay + _AFTERWARDS

    def _write(self, piece: bytes) -> None:
        """Send it, unless the client is gone."""
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self._switchboard.traffic.bytes_out += len(piece)
            self.transport.write(piece)  # not pymodbus' send, which forgets what has come of the next request
