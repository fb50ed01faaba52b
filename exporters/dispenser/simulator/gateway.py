"""A simulated gateway: units behind one TCP port or on one serial line, with the faults of the line."""

import asyncio
import ssl

from exporters.dispenser.address import Gateway
from exporters.dispenser.simulator.bus import Bus
from exporters.dispenser.simulator.connection import Connection, Server, Traffic
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.framing import Request
from exporters.dispenser.simulator.serialport import SerialPort
from exporters.dispenser.simulator.settings import GatewaySettings
from exporters.dispenser.simulator.unit import Unit
from tapwatch.errors import TapwatchError


class SimulatedGateway:
    """Units that clients reach over one TCP port, or over one serial port."""

    def __init__(
        self,
        gateway: Gateway,
        units: dict[int, Unit],
        settings: GatewaySettings,
        *,
        tls: ssl.SSLContext | None = None,
        port: SerialPort | None = None,
    ) -> None:
        """`port` is the one that a serial line's address names; it is closed with the gateway."""
        self.gateway = gateway
        self.units = units
        self._settings = settings
        self._tls = tls
        self._port = port
        self._bus = Bus(gateway, units, settings)
        self._server: Server | None = None
        self._connections = 0
        self._turn = asyncio.Lock()
        self._returning: asyncio.Task[None] | None = None

    @property
    def traffic(self) -> Traffic:
        """What has gone over it."""
        return self._bus.traffic

    def join(self) -> bool:
        """A connection was made; False when there are too many."""
        if self._settings.connections and self._connections >= self._settings.connections:
            self.traffic.turned_away += 1
            return False
        self.traffic.connections += 1
        self._connections += 1
        return True

    def leave(self) -> None:
        """A connection that has joined is gone."""
        self._connections -= 1

    def ask(self, request: Request, connection: Connection) -> None:
        """Answer through the connection, now or later."""
        self._bus.ask(request, connection)

    async def start(self) -> None:
        """Listen; raises TapwatchError when the port is taken."""
        rtu = self.gateway.transport in {"rtu+tcp", "serial"}
        server = Server(self, (self.gateway.host, self.gateway.port), rtu=rtu, tls=self._tls)
        if self._port is not None:
            self._port.connect(server.callback_new_connection())
            return
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise TapwatchError(f"cannot listen on {self.gateway}") from error
        self._server = server

    async def stop(self) -> None:
        """Close the port and every connection, for good."""
        if self._returning is not None:
            self._returning.cancel()
        if self._port is not None:
            self._port.close()
        await self._go_off()

    async def follow_faults(self) -> None:
        """Go off or on line as the units' faults say."""
        async with self._turn:
            faults = {fault for unit in self.units.values() for fault in unit.faults}
            off = not faults.isdisjoint({Fault.GATEWAY_OFFLINE, Fault.RESTART})
            self._bus.deaf = Fault.HALF_OPEN in faults or (off and self._port is not None)
            self._expect_return(restarting=Fault.RESTART in faults)
            if off:
                await self._go_off()
            elif self._server is None and self._port is None:
                await self.start()

    async def _go_off(self) -> None:
        self._bus.forget()
        if self._server is not None:
            await self._server.hang_up()
            self._server = None

    def _expect_return(self, *, restarting: bool) -> None:
        if restarting and self._returning is None:
            self._returning = asyncio.create_task(self._return())
        elif not restarting and self._returning is not None:
            self._returning.cancel()
            self._returning = None

    async def _return(self) -> None:
        """The end of a restart."""
        await asyncio.sleep(self._settings.restart_seconds)
        self._returning = None
        for unit in self.units.values():
            unit.faults.discard(Fault.RESTART)
        await self.follow_faults()
