"""A line to a gateway that does everything wrong, over loopback: whatever it does, no value may be another register's.

Every register holds a number that only its unit and address give, so that any mix-up shows.
"""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry

from exporters.dispenser.address import parse_address
from exporters.dispenser.device import Device
from exporters.dispenser.line import Line, LineMetrics
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import Place, RegisterMap, Traits, Value
from laboratory.modbus.gateway import Framing, Gateway, Peer, Question
from tapwatch.catalogue import DISPENSER_ERROR_CODE

UNITS = (1, 2, 3)
_STARTS = (100, 500, 900)
_BLOCK = 4
_PATIENCE_SECONDS = 0.03
_LONGEST_DELAY_SECONDS = 0.05
_PIECE_SECONDS = 0.001


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
class Wildness:
    """A gateway's behaviour: it answers in order, as devices on one serial line do, and rarely just so."""

    chance: random.Random
    questions: int = 0
    _free_at: float = 0.0

    async def behave(self, question: Question, peer: Peer) -> None:
        """Answer when the line is free; the next question may come before."""
        self.questions += 1
        kind = self.chance.choices(*_KINDS)[0]
        if kind == "hang up":
            peer.close()
            return
        data = self._bytes_for(kind, question)
        clock = asyncio.get_running_loop().time
        delay = self.chance.random() * _LONGEST_DELAY_SECONDS if self.chance.random() < 0.3 else 0.0
        began = max(self._free_at, clock() + delay)
        self._free_at = began + len(data) * _PIECE_SECONDS
        for number, piece in enumerate(data):
            await asyncio.sleep(max(0.0, began + number * _PIECE_SECONDS - clock()))
            peer.write(piece)

    def _bytes_for(self, kind: str, question: Question) -> list[bytes]:
        right = _registers(question)
        other = replace(question, unit=question.unit % len(UNITS) + 1)
        at = self.chance.randrange(len(right))
        answers: dict[str, list[bytes]] = {
            "right": [right],
            "double": [right, right],
            "pieces": [right[:at], right[at:]],
            "cut short": [right[:at]],
            "another unit first": [_registers(replace(other, transaction=(other.transaction + 1) % (1 << 16))), right],
            "another unit": [_registers(other)],
            "another length": [_registers(replace(question, count=question.count + 1))],
            "refusal": [question.refuse(self.chance.choice((4, 6, 11)))],
            "noise": [b"\xff\xfe" + self.chance.randbytes(at), *([right] if question.framing == "rtu+tcp" else [])],
        }
        return answers.get(kind, [])  # silent


_KINDS = (
    (
        *("right", "double", "pieces", "cut short", "another unit first", "another unit", "another length"),
        *("refusal", "noise", "silent", "hang up"),
    ),
    (50, 6, 6, 4, 6, 3, 3, 4, 4, 4, 2),
)


def _registers(question: Question) -> bytes:
    return question.answer(*(number_of(question.unit, question.start + at) for at in range(question.count)))


@asynccontextmanager
async def wild_line(
    seed: int, transport: Framing
) -> AsyncIterator[tuple[Wildness, Callable[[], Awaitable[Counter[str]]]]]:
    """A wild gateway, and a round of probes of all its units; a round counts how they ended.

    Over RTU, what comes late goes to whoever is connected by then: nobody there knows who asked. A round raises
    AssertionError when a value is not its register's.
    """
    wildness = Wildness(random.Random(seed))
    server = Gateway(wildness.behave, transport, overlapping=True, forgets_who_asked=transport == "rtu+tcp")
    await server.start()
    tls = ssl.create_default_context()
    line = Line(parse_address(f"{server.address}/1").gateway, 1, tls, LineMetrics(CollectorRegistry()))
    devices = {unit: Device(unit, _module(), line, _PATIENCE_SECONDS) for unit in UNITS}

    async def one_round() -> Counter[str]:
        probes = await asyncio.gather(*(device.probe(1.0) for device in devices.values()))
        ends: Counter[str] = Counter()
        for unit, (result, _) in zip(devices, probes, strict=True):
            _check(unit, result)
            ends["ok" if result.error is None else result.error.reason] += 1
        server.questions.clear()  # of an hour, they would be memory that grows
        return ends

    try:
        yield wildness, one_round
    finally:
        line.close()
        await server.stop()


def _check(unit: int, result: Probe) -> None:
    for slot, text in zip(result.module.decoder.slots, result.reading.texts, strict=True):
        if text is not None:
            address = int(slot.labels[0][1])
            assert float(text) == number_of(unit, address), (unit, address, text, result.exchanges)
