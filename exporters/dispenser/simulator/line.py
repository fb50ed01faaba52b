"""A serial line: one pair of wires, which exchanges occupy one after the other for as long as their bytes take."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporters.dispenser.address import SerialSettings
from exporters.dispenser.simulator.distortion import Script

_BUFFER_SIZE = 16
"""Characters that a serial port gathers before it hands them on: as a 16550's buffer."""
_PIECE_SECONDS = 0.004
"""On a fast line a piece is what comes in this time, since the system hands on no faster."""

Ending = Callable[[], None]
Exchange = Callable[[float], tuple[float, Ending]]
"""Begins at a time of the loop's clock; tells for how many seconds it occupies the line, and what happens then."""


@dataclass(frozen=True)
class LineTiming:
    """What an exchange costs on the line: Modbus over Serial Line V1.02, sections 2.4 and 2.5.1.1."""

    serial: SerialSettings
    turnaround_seconds: float
    """From the end of the request to the start of the answer, beyond the silence between them."""

    def exchange_seconds(self, asked: int, answered: int) -> float:
        """Request and answer of so many characters, each followed by silence."""
        silences = 2 * self.serial.silence_seconds
        return (asked + answered) * self.serial.character_seconds + silences + self.turnaround_seconds

    def pieces(self, script: Script) -> Script:
        """The same bytes as a serial port's buffer hands them on, the last one when the script would send all."""
        return [(delay + early, piece) for delay, whole in script for early, piece in self._split(whole)]

    def _split(self, frame: bytes) -> Iterator[tuple[float, bytes]]:
        size = max(_BUFFER_SIZE, int(_PIECE_SECONDS / self.serial.character_seconds))
        for start in range(0, len(frame), size):
            left = max(0, len(frame) - start - size)
            yield -left * self.serial.character_seconds, frame[start : start + size]

    def request_seconds(self, asked: int) -> float:
        """A request that nobody answers."""
        return asked * self.serial.character_seconds + self.serial.silence_seconds


class SerialLine:
    """Runs exchanges in turn.

    Every end is an absolute time. What the event loop wakes up late delays neither the exchange that waits nor the one
    that is asked for in response, so that a long sweep takes as long as it would on wires.
    """

    def __init__(self, queue: int = 0) -> None:
        """At most `queue` exchanges wait for the line; 0 for no limit."""
        self._queue = queue
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Exchange] = deque()
        self._free_at = 0.0
        self._lag = 0.0
        self._busy = False

    def take(self, exchange: Exchange) -> bool:
        """Run it when its turn comes; False when too many wait."""
        if not self._busy:
            self._begin(exchange, max(self._free_at, self._loop.time() - self._lag))
        elif self._queue and len(self._waiting) >= self._queue:
            return False
        else:
            self._waiting.append(exchange)
        return True

    def _begin(self, exchange: Exchange, at: float) -> None:
        self._busy = True
        seconds, ending = exchange(at)
        self._free_at = at + seconds
        self._loop.call_at(self._free_at, self._end, ending)

    def _end(self, ending: Ending) -> None:
        self._lag = self._loop.time() - self._free_at
        ending()
        if self._waiting:
            self._begin(self._waiting.popleft(), self._free_at)
        else:
            self._busy = False

    def clear(self) -> None:
        """Forget those that wait."""
        self._waiting.clear()
