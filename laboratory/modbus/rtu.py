"""An RTU-over-TCP gateway on loopback that answers as a test tells it to: late, twice, or not at all."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from exporters.dispenser.framing import with_crc

_QUESTION_BYTES = 8


@dataclass(frozen=True)
class Asked:
    """One request as it came: Modbus over Serial Line V1.02, section 2.3."""

    unit: int
    function: int
    start: int
    count: int

    def answer(self, *numbers: int) -> bytes:
        """These registers, as an answer to this request."""
        return with_crc(struct.pack(f">BBB{len(numbers)}H", self.unit, self.function, 2 * len(numbers), *numbers))

    def own_numbers(self) -> bytes:
        """Every register holds its own number."""
        return self.answer(*range(self.start, self.start + self.count))


Actions = Sequence[tuple[float, bytes]]
"""What is sent, and how many seconds after the request."""


@dataclass
class RtuGateway:
    """The gateway. What it sends goes to whoever is connected then, as from a transparent serial server."""

    behave: Callable[[Asked], Actions]
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    _writer: asyncio.StreamWriter | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"rtu+tcp://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer = writer
        self._keep(asyncio.current_task())
        try:
            while True:
                frame = await reader.readexactly(_QUESTION_BYTES)
                question = Asked(*struct.unpack(">BBHH", frame[:6]))
                self.asked.append(question)
                for delay, data in self.behave(question):
                    self._keep(asyncio.create_task(self._send(delay, data)))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, delay: float, data: bytes) -> None:
        await asyncio.sleep(delay)
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    def _keep(self, task: "asyncio.Task[None] | None") -> None:
        if task is not None:
            self._tasks.add(task)


@asynccontextmanager
async def serving_rtu(behave: Callable[[Asked], Actions]) -> AsyncIterator[RtuGateway]:
    """A gateway that listens while the context lasts."""
    gateway = RtuGateway(behave)
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.port = server.sockets[0].getsockname()[1]
    try:
        yield gateway
    finally:
        server.close()
        await gateway.stop()
