"""A gateway that sends what it is told to, byte by byte: whatever a client must survive.

A behaviour is a function from a question to actions: (seconds after the question, bytes), in the order of their times;
None instead of bytes closes the connection. It may be endless. `TRICKS` has the usual ones, and
`any_of(TRICKS.values(), random.Random(1))` all of them, one after the other.
"""

import asyncio
import itertools
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from pymodbus.framer import FramerRTU

Framing = Literal["tcp", "rtu+tcp"]

Actions = Iterable[tuple[float, bytes | None]]

_HEADER = struct.Struct(">HHH")  # transaction, protocol, length: Modbus Messaging V1.0b, section 3.1.3
_RTU_READ_SIZE = 8
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
            return struct.pack(f">BB{self.count}H", self.function, 2 * self.count, *(one & 0xFFFF for one in numbers))
        packed = sum((one & 1) << place for place, one in enumerate(numbers))
        size = -(-self.count // 8)
        return bytes([self.function, size]) + packed.to_bytes(size, "little")

    def frame(self, body: bytes, protocol: int = 0, length: int | None = None) -> bytes:
        """The body as an answer to this question; `protocol` and `length` are Modbus TCP's own, for lies."""
        addressed = bytes([self.unit]) + body
        if self.framing == "tcp":
            said = len(addressed) if length is None else length
            return _HEADER.pack(self.transaction, protocol, said) + addressed
        return addressed + FramerRTU.compute_CRC(addressed).to_bytes(2, "big")

    def refuse(self, code: int) -> bytes:
        """A Modbus exception."""
        return self.frame(bytes([self.function | 0x80, code]))


Behaviour = Callable[[Question], Actions]


@dataclass
class HostileServer:
    """The running server, and what it has seen."""

    behave: Behaviour
    """May be replaced at any time."""
    framing: Framing
    port: int = 0
    connections: int = 0
    questions: list[Question] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def address(self, unit: int) -> str:
        """One unit's, as clients are told it."""
        prefix = "" if self.framing == "tcp" else "rtu+tcp://"
        return f"{prefix}127.0.0.1:{self.port}/{unit}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read questions and start what becomes of each; answers of several may overlap."""
        self.connections += 1
        self._keep(asyncio.current_task())
        try:
            while True:
                question = await _read(reader, self.framing)
                self.questions.append(question)
                self._keep(asyncio.create_task(_send(self.behave(question), writer)))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        """End whatever is still being sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: "asyncio.Task[None] | None") -> None:
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def hostile_server(behave: Behaviour, framing: Framing = "tcp") -> AsyncIterator[HostileServer]:
    """A server on a free port of loopback while the context lasts."""
    hostile = HostileServer(behave, framing)
    server = await asyncio.start_server(hostile.accept, "127.0.0.1", 0)
    hostile.port = server.sockets[0].getsockname()[1]
    try:
        yield hostile
    finally:
        server.close()
        await hostile.stop()


async def _read(reader: asyncio.StreamReader, framing: Framing) -> Question:
    if framing == "tcp":
        transaction, _, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        frame = await reader.readexactly(length)
    else:
        transaction, frame = 0, await reader.readexactly(_RTU_READ_SIZE)
    unit, function, start, count = struct.unpack_from(">BBHH", frame)
    return Question(framing, transaction, unit, function, start, count)


async def _send(actions: Actions, writer: asyncio.StreamWriter) -> None:
    began = asyncio.get_running_loop().time()
    with suppress(ConnectionError):
        for after, data in actions:
            await asyncio.sleep(max(0.0, began + after - asyncio.get_running_loop().time()))
            if data is None:
                writer.close()
                return
            writer.write(data)
            await writer.drain()


def _pieces(data: bytes, size: int, apart: float) -> Actions:
    return [(number * apart, data[at : at + size]) for number, at in enumerate(range(0, len(data), size))]


def _endless(question: Question) -> Iterator[tuple[float, bytes]]:
    return ((number * 0.001, question.right[:1] * 512) for number in itertools.count())


def _other_unit(question: Question) -> bytes:
    return replace(question, unit=question.unit % 247 + 1, start=question.start ^ 0x5555).right


TRICKS: Mapping[str, Behaviour] = {
    "honest": lambda it: [(0, it.right)],
    "silent": lambda _: [],
    "refuses": lambda it: [(0, it.refuse(4))],
    "refuses with no known reason": lambda it: [(0, it.refuse(0x7F))],
    "late": lambda it: [(0.3, it.right)],
    "byte by byte": lambda it: _pieces(it.right, 1, 0.0005),
    "in two halves": lambda it: _pieces(it.right, len(it.right) // 2 + 1, 0.02),
    "twice": lambda it: [(0, it.right + it.right)],
    "truncated": lambda it: [(0, it.right[:-3])],
    "empty frame": lambda it: [(0, it.frame(b""))],
    "function alone": lambda it: [(0, it.frame(it.body[:1]))],
    "oversize": lambda it: [(0, it.frame(it.body + bytes(300)))],
    "one register more": lambda it: [(0, replace(it, count=it.count + 1).right)],
    "one register less": lambda it: [(0, replace(it, count=max(1, it.count - 1) if it.count > 1 else 2).right)],
    "byte count lies": lambda it: [(0, it.frame(it.body[:1] + bytes([it.body[1] ^ 1]) + it.body[2:]))],
    "byte count 255": lambda it: [(0, it.frame(it.body[:1] + b"\xff" + it.body[2:]))],
    "length is too long": lambda it: [(0, it.frame(it.body, length=len(it.body) + 9))],
    "length is too short": lambda it: [(0, it.frame(it.body, length=len(it.body) - 1))],
    "length is 0": lambda it: [(0, it.frame(it.body, length=0))],
    "length is 65535": lambda it: [(0, it.frame(it.body, length=0xFFFF))],
    "another protocol": lambda it: [(0, it.frame(it.body, protocol=1))],
    "another function": lambda it: [(0, it.frame(bytes([it.body[0] ^ 7]) + it.body[1:]))],
    "another unit": lambda it: [(0, _other_unit(it))],
    "another unit before": lambda it: [(0, _other_unit(it) + it.right)],
    "another unit within": lambda it: [(0, it.right[:4] + _other_unit(it) + it.right[4:])],
    "another transaction before": lambda it: [(0, replace(it, transaction=it.transaction ^ 1).right + it.right)],
    "noise before": lambda it: [(0, b"\x00\xff\x55" + it.right)],
    "noise after": lambda it: [(0, it.right + b"\x00\xff\x55")],
    "noise": lambda it: [(0, bytes(byte ^ 0x55 for byte in it.right))],
    "endless": _endless,
    "closes": lambda _: [(0, None)],
    "closes within": lambda it: [(0, it.right[: len(it.right) // 2]), (0.01, None)],
    "closes afterwards": lambda it: [(0, it.right), (0, None)],
}
"""By name. A client takes the right numbers out of them, or none."""

UNDETECTABLE: Mapping[str, Behaviour] = {
    "wrong registers": lambda it: [(0, replace(it, start=it.start ^ 0x5555).right)],
    # Without checksum: the missing bytes are taken from the next frame, whose rest is then no frame.
    "truncated, then right": lambda it: [(0, it.right[:-3]), (0.05, it.right)],
    # Without transactions: nothing tells these from the answer to the next question, if that has the same size.
    "twice, later": lambda it: [(0, it.right), (0.05, it.right)],
    "endless answers": lambda it: ((number * 0.0005, it.right) for number in itertools.count()),
}
"""What can make a client take wrong numbers, however careful it is: the first with any framing, others with one."""


def any_of(tricks: Iterable[Behaviour], chance: random.Random) -> Behaviour:
    """Another one for each question."""
    choices = list(tricks)

    def behave(question: Question) -> Actions:
        return chance.choice(choices)(question)

    return behave


def mutated(chance: random.Random, mutations: int = 3) -> Behaviour:
    """The right answer with bytes changed, left out or put in; where there is no checksum, numbers may be wrong."""
    return lambda question: [(0, _mutate(question.right, chance, mutations))]


def _mutate(frame: bytes, chance: random.Random, mutations: int) -> bytes:
    changed = bytearray(frame)
    for _ in range(chance.randint(1, mutations)):
        at = chance.randrange(len(changed) + 1)
        put_in = chance.randbytes(chance.randint(0, 2))
        changed[at : at + chance.randint(0, 2)] = put_in
    return bytes(changed)
