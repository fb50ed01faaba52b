"""What a read costs: the time that one request and its answer take on the line."""

from dataclasses import dataclass

from exporters.dispenser.address import SerialSettings
from exporters.dispenser.registermap import Space, Traits

_RTU_BYTES = 13
"""Of a request and its answer, without the data: 8 and 5."""
_NETWORK_SECONDS = 0.002
"""A request's way through a network and a device, when nothing else is known."""
_NETWORK_BYTE_SECONDS = 1e-6


@dataclass(frozen=True)
class CostModel:
    """Seconds for one request, and for each byte of data in its answer."""

    request: float
    byte: float

    def seconds(self, space: Space, count: int) -> float:
        """The time that reading `count` registers, coils or discrete inputs takes."""
        size = -(-count // 8) if space in {"coil", "discrete"} else 2 * count
        return self.request + size * self.byte


def cost_model(serial: SerialSettings | None, traits: Traits) -> CostModel:
    """The cost of reads over a serial line, or through a gateway to the one that the map tells of, or over a network.

    On a serial line one exchange of n registers takes (13 + 2n) characters, two silences and the device's turnaround:
    Modbus over Serial Line V1.02, sections 2.5.1 and 2.5.2.
    """
    if serial is None and traits.baudrate is not None:
        serial = SerialSettings(traits.baudrate)
    if serial is None:
        return CostModel(_NETWORK_SECONDS + traits.idle, _NETWORK_BYTE_SECONDS)
    character = serial.character_seconds
    pauses = 2 * serial.silence_seconds + traits.turnaround + traits.idle
    return CostModel(_RTU_BYTES * character + pauses, character)
