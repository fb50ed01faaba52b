"""The units behind one gateway and the wires to them: what becomes of a request, and when."""

import asyncio
from collections.abc import Mapping
from functools import partial

from pymodbus.constants import ExcCodes

from exporters.dispenser.address import Gateway
from exporters.dispenser.simulator.answering import answer_of
from exporters.dispenser.simulator.connection import Connection, Traffic
from exporters.dispenser.simulator.distortion import Script, distort
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.framing import Request, refusal
from exporters.dispenser.simulator.line import Ending, LineTiming, SerialLine
from exporters.dispenser.simulator.settings import GatewaySettings
from exporters.dispenser.simulator.unit import Unit


class Bus:
    """Answers requests: at once where there is no serial line, else in turn and in the line's time."""

    def __init__(self, gateway: Gateway, units: Mapping[int, Unit], settings: GatewaySettings) -> None:
        self.traffic = Traffic()
        self.deaf = False
        """Whether every request is ignored."""
        self._units = units
        self._settings = settings
        self._wired = gateway.transport == "serial"
        """Whether the client itself is on the line."""
        self._timing = _timing(gateway, settings)
        self._line = SerialLine(settings.queue) if self._timing is not None else None
        self._loop = asyncio.get_running_loop()

    def ask(self, request: Request, connection: Connection) -> None:
        """Let the connection finish this request, unless it is lost; without a line that is mostly now."""
        self.traffic.requests += 1
        if self.deaf:
            return
        if self._settings.in_flight and connection.in_flight >= self._settings.in_flight:
            self.traffic.dropped += 1
            return
        connection.in_flight += 1
        if self._line is None:
            self._ask_at_once(request, connection)
        elif not self._line.take(partial(self._exchange, request, connection)):
            self.traffic.refused += 1
            self._refusal(request, connection, ExcCodes.DEVICE_BUSY)()

    def forget(self) -> None:
        """Forget the requests that wait for the line."""
        if self._line is not None:
            self._line.clear()

    def _ask_at_once(self, request: Request, connection: Connection) -> None:
        seconds, ending = self._exchange(request, connection, self._loop.time())
        if seconds:
            self._loop.call_later(seconds, ending)
        else:
            ending()

    def _exchange(self, request: Request, connection: Connection, at: float) -> tuple[float, Ending]:
        """One turn on the line: how long it takes, and what happens then."""
        unit = self._units.get(request.unit)
        if unit is None or not unit.hears(at, self._settings.flap_seconds):
            seconds, ending = self._silence(request, connection)
            quiet_since = at
        else:
            seconds, ending = self._dialogue(unit, request, connection, at)
            quiet_since = at + seconds
        if unit is not None:
            unit.quiet_since = quiet_since
        if self._timing is not None:
            self.traffic.line_seconds += seconds
        return seconds, ending

    def _dialogue(self, unit: Unit, request: Request, connection: Connection, at: float) -> tuple[float, Ending]:
        """With a unit that answers, as its faults let it."""
        right, framing = answer_of(unit, request), connection.framing
        frame = framing.frame(right)
        seconds = self._seconds(request, framing.characters(frame))
        script: Script = ((0.0, frame),)
        if unit.faults:
            script = distort(right, framing, unit.faults, self._settings.split_seconds)
            if Fault.LATE in unit.faults:
                due = at + self._settings.late_seconds
                self._loop.call_at(due, connection.deliver, script, due)
                return self._silence_seconds(request), connection.finish
            seconds += self._settings.slow_seconds * (Fault.SLOW in unit.faults)
        if self._wired and self._timing is not None:
            connection.deliver(self._timing.pieces(script), at + seconds - self._timing.serial.silence_seconds)
            return seconds, connection.finish
        if self._timing is not None and seconds > self._settings.gateway_timeout_seconds:
            return self._silence(request, connection)
        return seconds, partial(connection.finish, script)

    def _silence(self, request: Request, connection: Connection) -> tuple[float, Ending]:
        """With a unit that does not answer; a Modbus TCP gateway says so, when it has given up."""
        seconds = self._silence_seconds(request)
        if self._timing is None or connection.framing.rtu:
            return seconds, connection.finish
        return seconds, self._refusal(request, connection, ExcCodes.GATEWAY_NO_RESPONSE)

    def _seconds(self, request: Request, answered: int) -> float:
        return 0.0 if self._timing is None else self._timing.exchange_seconds(request.characters, answered)

    def _silence_seconds(self, request: Request) -> float:
        if self._timing is None:
            return 0.0
        return (
            self._timing.request_seconds(request.characters) if self._wired else self._settings.gateway_timeout_seconds
        )

    @staticmethod
    def _refusal(request: Request, connection: Connection, code: int) -> Ending:
        return partial(connection.finish, ((0.0, connection.framing.frame(refusal(request, code))),))


def _timing(gateway: Gateway, settings: GatewaySettings) -> LineTiming | None:
    if settings.serial is None:
        return None
    return LineTiming(gateway.serial or settings.serial, settings.turnaround_seconds)
