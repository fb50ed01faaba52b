"""A Modbus TCP gateway on loopback that answers as a test tells it to, byte by byte."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_HEADER = struct.Struct(
    ">HHHBB"
)  # transaction, protocol, length, unit, function: Modbus Messaging V1.0b, section 3.1.3


@dataclass(frozen=True)
class Question:
    """One request as it came."""

    transaction: int
    unit: int
    function: int
    start: int
    count: int

    @classmethod
    def parse(cls, frame: bytes) -> "Question":
        transaction, _, _, unit, function = _HEADER.unpack(frame[:8])
        start, count = struct.unpack(">HH", frame[8:12])
        return cls(transaction, unit, function, start, count)

    def frame(self, body: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
        """`body`, from the function code on, as an answer to this question, or to another one."""
        number = self.transaction if transaction is None else transaction
        return struct.pack(">HHHB", number, 0, len(body) + 1, self.unit if unit is None else unit) + body

    def answer(self, *numbers: int) -> bytes:
        """The registers that were asked for."""
        return self.frame(struct.pack(f">BB{len(numbers)}H", self.function, 2 * len(numbers), *numbers))

    def refuse(self, code: int) -> bytes:
        """A Modbus exception."""
        return self.frame(bytes([self.function | 0x80, code]))


Behaviour = Callable[[Question, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Gateway:
    """A gateway and what it has seen."""

    behave: Behaviour
    port: int = 0
    connections: int = 0
    questions: list[Question] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        if (task := asyncio.current_task()) is not None:
            self.tasks.add(task)
        try:
            while True:
                question = Question.parse(await reader.readexactly(12))
                self.questions.append(question)
                await self.behave(question, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def hang_up(self) -> None:
        """Close every connection, as a gateway that restarts."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()


@asynccontextmanager
async def serving(behave: Behaviour) -> AsyncIterator[Gateway]:
    """A gateway that listens while the context lasts."""
    gateway = Gateway(behave)
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.port = server.sockets[0].getsockname()[1]
    try:
        yield gateway
    finally:
        server.close()
        for task in gateway.tasks:
            task.cancel()
        await asyncio.gather(*gateway.tasks, return_exceptions=True)
