"""A Modbus gateway on loopback that answers as it is told to, byte by byte, over Modbus TCP or RTU over TCP.

What a gateway does with a question is a `Behaviour`. `acting` makes one of a list of what is sent and when.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from pymodbus.framer import FramerRTU

Framing = Literal["tcp", "rtu+tcp"]

_HEADER = struct.Struct(">HHH")  # transaction, protocol, length: Modbus Messaging V1.0b, section 3.1.3
_RTU_QUESTION_BYTES = 8  # unit, function, start, count, checksum: Modbus over Serial Line V1.02, section 2.3
_BIT_FUNCTIONS = (1, 2)


@dataclass(frozen=True)
class Question:
    """One request to read, as it came."""

    framing: Framing
    transaction: int
    """0 for RTU framing."""
    unit: int
    function: int
    start: int
    count: int

    @property
    def right(self) -> bytes:
        """The right answer: every register holds its own number, every bit is that number's lowest one."""
        return self.frame(self.body)

    @property
    def body(self) -> bytes:
        """The right answer without its frame, from the function's code on."""
        numbers = range(self.start, self.start + self.count)
        if self.function not in _BIT_FUNCTIONS:
            return self._registers(one & 0xFFFF for one in numbers)
        packed = sum((one & 1) << place for place, one in enumerate(numbers))
        size = -(-self.count // 8)
        return bytes([self.function, size]) + packed.to_bytes(size, "little")

    def answer(self, *numbers: int) -> bytes:
        """These registers; as many as were asked for, or not."""
        return self.frame(self._registers(numbers))

    def refuse(self, code: int) -> bytes:
        """A Modbus exception."""
        return self.frame(bytes([self.function | 0x80, code]))

    def frame(self, body: bytes, protocol: int = 0, length: int | None = None) -> bytes:
        """The body as an answer to this question; `protocol` and `length` are Modbus TCP's own, for lies."""
        addressed = bytes([self.unit]) + body
        if self.framing == "tcp":
            said = len(addressed) if length is None else length
            return _HEADER.pack(self.transaction, protocol, said) + addressed
        return addressed + FramerRTU.compute_CRC(addressed).to_bytes(2, "big")

    def _registers(self, numbers: Iterable[int]) -> bytes:
        words = list(numbers)
        return struct.pack(f">BB{len(words)}H", self.function, 2 * len(words), *words)


class Peer(Protocol):
    """Who gets what a gateway sends."""

    def write(self, data: bytes) -> None:
        """Send these bytes; to one who is gone, they are lost."""

    async def drain(self) -> None:
        """Wait until there is room for more; raises ConnectionError when the peer is gone."""

    def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True)
class _Latest:
    """The one that has connected last, whenever something is sent."""

    writers: Sequence[Peer]

    def write(self, data: bytes) -> None:
        for writer in self.writers[-1:]:
            writer.write(data)

    async def drain(self) -> None:
        for writer in self.writers[-1:]:
            await writer.drain()

    def close(self) -> None:
        for writer in self.writers[-1:]:
            writer.close()


Behaviour = Callable[[Question, Peer], Awaitable[None]]

Actions = Iterable[tuple[float, bytes | None]]
"""What is sent, and how many seconds after the question, in the order of these times; None hangs up. May be endless."""


def acting(actions: Callable[[Question], Actions]) -> Behaviour:
    """A behaviour that sends what `actions` gives for a question."""

    async def act(question: Question, peer: Peer) -> None:
        began = asyncio.get_running_loop().time()
        for after, data in actions(question):
            await asyncio.sleep(max(0.0, began + after - asyncio.get_running_loop().time()))
            if data is None:
                peer.close()
                return
            peer.write(data)
            await peer.drain()

    return act


class Gateway:
    """A gateway and what it has seen."""

    def __init__(
        self, behave: Behaviour, framing: Framing = "tcp", *, overlapping: bool = False, forgets_who_asked: bool = False
    ) -> None:
        """Listen nowhere yet.

        `overlapping` takes the next question of a connection while an earlier one is still being answered. One that
        `forgets_who_asked` sends to whoever has connected last, as a transparent serial server does.
        """
        self.behave = behave
        """May be replaced at any time."""
        self.framing = framing
        self.port = 0
        self.connections = 0
        """How many there have been."""
        self.questions: list[Question] = []
        self.peers: list[Peer] = []
        """Who is connected."""
        self._overlapping = overlapping
        self._forgets_who_asked = forgets_who_asked
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """As clients are told it, without a unit."""
        return f"{'' if self.framing == 'tcp' else 'rtu+tcp://'}127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port; on the same one when it is started again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection, and end what is still being sent."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up(self) -> None:
        """Close every connection, as a gateway that restarts."""
        for peer in self.peers:
            peer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.peers.append(writer)
        self._keep(asyncio.current_task())
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    question = await _read(reader, self.framing)
                    self.questions.append(question)
                    answering = self._answer(question, writer)
                    if self._overlapping:
                        self._keep(asyncio.create_task(answering))
                    else:
                        await answering
        finally:
            self.peers.remove(writer)
            writer.close()

    async def _answer(self, question: Question, asker: Peer) -> None:
        with suppress(ConnectionError):
            await self.behave(question, _Latest(self.peers) if self._forgets_who_asked else asker)

    def _keep(self, task: "asyncio.Task[None] | None") -> None:
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def serving(
    behave: Behaviour, framing: Framing = "tcp", *, overlapping: bool = False, forgets_who_asked: bool = False
) -> AsyncIterator[Gateway]:
    """A gateway that listens while the context lasts."""
    gateway = Gateway(behave, framing, overlapping=overlapping, forgets_who_asked=forgets_who_asked)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def _read(reader: asyncio.StreamReader, framing: Framing) -> Question:
    if framing == "tcp":
        transaction, _, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        frame = await reader.readexactly(length)
    else:
        transaction, frame = 0, await reader.readexactly(_RTU_QUESTION_BYTES)
    unit, function, start, count = struct.unpack_from(">BBHH", frame)
    return Question(framing, transaction, unit, function, start, count)
