"""A line to a gateway that does everything wrong, over loopback: whatever it does, no value may be another register's.

Every register holds a number that only its unit and address give, so that any mix-up shows.
"""

import asyncio
import contextlib
import random
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from exporters.dispenser.address import Gateway, Transport
from exporters.dispenser.device import Device
from exporters.dispenser.framing import with_crc
from exporters.dispenser.line import Line, LineMetrics
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import Place, RegisterMap, Traits, Value
from tapwatch.catalogue import DISPENSER_ERROR_CODE

UNITS = (1, 2, 3)
_STARTS = (100, 500, 900)
_BLOCK = 4
_PATIENCE_SECONDS = 0.03
_LONGEST_DELAY_SECONDS = 0.05


def number_of(unit: int, address: int) -> int:
    """What a register holds."""
    return unit * 10_000 + address


def _module() -> Module:
    values = tuple(
        Value(Place("holding", start + at), "u16", "ABCD", DISPENSER_ERROR_CODE, {"at": str(start + at)})
        for start in _STARTS
        for at in range(_BLOCK)
    )
    return Module(RegisterMap("fuzz", "", "ABCD", None, values, Traits(holes="readable")))


@dataclass
class WildGateway:
    """Answers in order, as devices on one serial line do, and rarely just so."""

    chance: random.Random
    is_tcp: bool
    port: int = 0
    questions: int = 0
    _free_at: float = 0.0
    _writer: asyncio.StreamWriter | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await self._take(await reader.readexactly(12 if self.is_tcp else 8))
        writer.close()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, frame: bytes) -> None:
        self.questions += 1
        number = struct.unpack(">H", frame[:2])[0] if self.is_tcp else 0
        unit, function, start, count = struct.unpack(">BBHH", frame[6:12] if self.is_tcp else frame[:6])
        kind = self.chance.choices(*_KINDS)[0]
        if kind == "hang up" and self._writer is not None:
            self._writer.close()
            return
        data = self._bytes_for(kind, number, unit, function, start, count)
        now = asyncio.get_running_loop().time()
        delay = self.chance.random() * _LONGEST_DELAY_SECONDS if self.chance.random() < 0.3 else 0.0
        self._free_at = max(self._free_at, now + delay)
        for piece in data:
            self._send_at(self._free_at, piece)
            self._free_at += 0.001

    def _bytes_for(self, kind: str, number: int, unit: int, function: int, start: int, count: int) -> list[bytes]:
        right = self._frame(number, unit, _registers(unit, function, start, count))
        other = unit % len(UNITS) + 1
        at = self.chance.randrange(len(right))
        answers: dict[str, list[bytes]] = {
            "right": [right],
            "double": [right, right],
            "pieces": [right[:at], right[at:]],
            "cut short": [right[:at]],
            "another unit first": [self._frame(number + 1, other, _registers(other, function, start, count)), right],
            "another unit": [self._frame(number, other, _registers(other, function, start, count))],
            "another length": [self._frame(number, unit, _registers(unit, function, start, count + 1))],
            "refusal": [self._frame(number, unit, bytes((function | 0x80, self.chance.choice((4, 6, 11)))))],
            "noise": [b"\xff\xfe" + self.chance.randbytes(at), *([] if self.is_tcp else [right])],
        }
        return answers.get(kind, [])  # silent

    def _frame(self, number: int, unit: int, pdu: bytes) -> bytes:
        if self.is_tcp:
            return struct.pack(">HHHB", number % (1 << 16), 0, len(pdu) + 1, unit) + pdu
        return with_crc(bytes((unit,)) + pdu)

    def _send_at(self, when: float, data: bytes) -> None:
        """To whoever is connected then; over TCP, whose gateways know their clients, to the one who asked."""
        writer = self._writer if self.is_tcp else None

        def send() -> None:
            target = writer or self._writer
            if target is not None and not target.is_closing():
                target.write(data)

        asyncio.get_running_loop().call_at(when, send)


_KINDS = (
    (
        *("right", "double", "pieces", "cut short", "another unit first", "another unit", "another length"),
        *("refusal", "noise", "silent", "hang up"),
    ),
    (50, 6, 6, 4, 6, 3, 3, 4, 4, 4, 2),
)


def _registers(unit: int, function: int, start: int, count: int) -> bytes:
    numbers = (number_of(unit, start + at) for at in range(count))
    return struct.pack(f">BB{count}H", function, 2 * count, *numbers)


@asynccontextmanager
async def wild_line(
    seed: int, transport: Transport
) -> AsyncIterator[tuple[WildGateway, Callable[[], Awaitable[Counter[str]]]]]:
    """A wild gateway, and a round of probes of all its units; a round counts how they ended.

    A round raises AssertionError when a value is not its register's.
    """
    gateway = WildGateway(random.Random(seed), is_tcp=transport == "tcp")
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.port = server.sockets[0].getsockname()[1]
    tls = ssl.create_default_context()
    line = Line(Gateway(transport, "127.0.0.1", gateway.port), 1, tls, LineMetrics(CollectorRegistry()))
    devices = {unit: Device(unit, _module(), line, _PATIENCE_SECONDS) for unit in UNITS}

    async def one_round() -> Counter[str]:
        probes = await asyncio.gather(*(device.probe(1.0) for device in devices.values()))
        ends: Counter[str] = Counter()
        for unit, (result, _) in zip(devices, probes, strict=True):
            _check(unit, result)
            ends["ok" if result.error is None else result.error.reason] += 1
        return ends

    try:
        yield gateway, one_round
    finally:
        line.close()
        server.close()
        await gateway.stop()


def _check(unit: int, result: Probe) -> None:
    for slot, text in zip(result.module.decoder.slots, result.reading.texts, strict=True):
        if text is not None:
            address = int(slot.labels[0][1])
            assert float(text) == number_of(unit, address), (unit, address, text, result.exchanges)
