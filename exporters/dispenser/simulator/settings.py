"""How simulated gateways behave: the serial line behind them, their limits, and how long their faults last."""

from dataclasses import dataclass

from exporters.dispenser.address import SerialSettings

USUAL_TURNAROUND_SECONDS = 0.02
"""Real devices take 5 to 45 ms."""


@dataclass(frozen=True)
class GatewaySettings:
    """One gateway's; the default is an ideal one, which answers at once and takes whatever comes."""

    baudrate: int = 0
    """Of the serial line behind it; 0 for none, so that every unit answers at once."""
    turnaround_seconds: float = USUAL_TURNAROUND_SECONDS
    """From the end of the request to the start of a device's answer; without a baud rate there is none."""
    gateway_timeout_seconds: float = 1.0
    """How long the gateway waits on its line for a silent unit."""
    connections: int = 0
    """The most TCP connections; further ones are closed at once. 0 for no limit."""
    queue: int = 0
    """The most requests that wait for the line; further ones get exception 6. 0 for no limit."""
    in_flight: int = 0
    """The most requests of one connection that are under way; further ones are lost. 0 for no limit."""
    slow_seconds: float = 3.0
    """How late the answers of a unit with the fault `slow` are."""
    late_seconds: float = 5.0
    """The same for `late`, which does not keep the line busy."""
    split_seconds: float = 0.002
    """Between two bytes of a unit with the fault `split`."""
    flap_seconds: float = 10.0
    """How long a unit with the fault `flapping` is silent, and how long it is back."""
    restart_seconds: float = 2.0
    """How long a gateway with the fault `restart` is away."""

    @property
    def serial(self) -> SerialSettings | None:
        """The line behind a gateway: as the standard's default, 11 bits a character."""
        return SerialSettings(self.baudrate) if self.baudrate else None
