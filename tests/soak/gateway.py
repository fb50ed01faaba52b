"""A gateway on loopback that falls ill for a while, again and again, and writes down when and how."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from laboratory.modbus.gateway import Gateway, Peer, Question
from tapwatch.errors import PollReason

UNITS = (1, 2, 3, 4)
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 5.0
"""Of a fault."""
_CALM_SECONDS = 3.0
"""Between two faults, at least; at most twice as long."""

_RECONNECTS = frozenset({PollReason.TIMEOUT, PollReason.DISCONNECT, PollReason.QUEUE, PollReason.CONNECT})
"""When a connection is given up, the deadline can also come while the next one is opened."""
EXPLANATIONS: Mapping[str, frozenset[PollReason]] = {
    "restarts": _RECONNECTS,
    "forgets connections": _RECONNECTS,
    "hangs": _RECONNECTS,
    "loses a unit": frozenset({PollReason.TIMEOUT, PollReason.QUEUE}),
    "refuses": frozenset({PollReason.EXCEPTION}),
    "garbles": _RECONNECTS | {PollReason.GARBLED},
}
"""By kind of fault, the reasons with which the exporter may explain a gap."""


def number_of(unit: int, address: int) -> int:
    """What a register holds: no two registers of a gateway the same."""
    return unit * 10_000 + address


@dataclass
class Fault:
    """When a gateway was ill; for ever, until it ends."""

    kind: str
    unit: int
    """The one that is lost, where one is."""
    began: float
    ended: float = float("inf")


class IllGateway:
    """Its gateway serves while it is started; it is well until `fall_ill_and_recover` runs."""

    def __init__(self, seed: int, clock: Callable[[], float]) -> None:
        self.gateway = Gateway(self._behave)
        self.faults: list[Fault] = []
        self._chance = random.Random(seed)
        self._clock = clock
        self._forgotten: list[Peer] = []

    async def fall_ill_and_recover(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_CALM_SECONDS * (1 + self._chance.random()))
            fault = Fault(self._chance.choice(list(EXPLANATIONS)), self._chance.choice(UNITS), self._clock())
            self.faults.append(fault)
            self.gateway.questions.clear()  # of a soak of days
            if fault.kind == "restarts":
                await self.gateway.stop()
            elif fault.kind == "forgets connections":
                self._forgotten = list(self.gateway.peers)
            await asyncio.sleep(self._chance.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS))
            if fault.kind == "restarts":
                await self.gateway.start()
            fault.ended = self._clock()

    async def _behave(self, question: Question, peer: Peer) -> None:
        if peer not in self._forgotten:
            peer.write(self._answer(question))

    def _answer(self, question: Question) -> bytes:
        right = question.answer(*(number_of(question.unit, question.start + at) for at in range(question.count)))
        fault = self.faults[-1] if self.faults else None
        if fault is None or fault.ended <= self._clock():
            return right
        if fault.kind == "hangs" or (fault.kind == "loses a unit" and question.unit == fault.unit):
            return b""
        if fault.kind == "refuses":
            return question.refuse(4)
        if fault.kind == "garbles":
            return right[:7] + self._chance.randbytes(len(right) - 7)
        return right
