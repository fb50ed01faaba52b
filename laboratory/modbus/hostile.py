"""Tricks of a hostile gateway: whatever a client must survive.

A trick is a function from a question to actions, which may be endless. `TRICKS` has the usual ones, and
`any_of(TRICKS.values(), random.Random(1))` all of them, one after the other.
"""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from laboratory.modbus.gateway import Actions, Framing, Gateway, Question, acting, serving

Trick = Callable[[Question], Actions]


def hostile_gateway(trick: Trick, framing: Framing = "tcp") -> AbstractAsyncContextManager[Gateway]:
    """A gateway that plays a trick while the context lasts; `behave = acting(...)` makes it play another one."""
    return serving(acting(trick), framing, overlapping=True)


def _pieces(data: bytes, size: int, apart: float) -> Actions:
    return [(number * apart, data[at : at + size]) for number, at in enumerate(range(0, len(data), size))]


def _endless(question: Question) -> Iterator[tuple[float, bytes]]:
    return ((number * 0.001, question.right[:1] * 512) for number in itertools.count())


def _other_unit(question: Question) -> bytes:
    return replace(question, unit=question.unit % 247 + 1, start=question.start ^ 0x5555).right


TRICKS: Mapping[str, Trick] = {
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

UNDETECTABLE: Mapping[str, Trick] = {
    "wrong registers": lambda it: [(0, replace(it, start=it.start ^ 0x5555).right)],
    # Without checksum: the missing bytes are taken from the next frame, whose rest is then no frame.
    "truncated, then right": lambda it: [(0, it.right[:-3]), (0.05, it.right)],
    # Without transactions: nothing tells these from the answer to the next question, if that has the same size.
    "twice, later": lambda it: [(0, it.right), (0.05, it.right)],
    "endless answers": lambda it: ((number * 0.0005, it.right) for number in itertools.count()),
}
"""What can make a client take wrong numbers, however careful it is: the first with any framing, others with one."""


def any_of(tricks: Iterable[Trick], chance: random.Random) -> Trick:
    """Another one for each question."""
    choices = list(tricks)

    def behave(question: Question) -> Actions:
        return chance.choice(choices)(question)

    return behave


def mutated(chance: random.Random, mutations: int = 3) -> Trick:
    """The right answer with bytes changed, left out or put in; where there is no checksum, numbers may be wrong."""
    return lambda question: [(0, _mutate(question.right, chance, mutations))]


def _mutate(frame: bytes, chance: random.Random, mutations: int) -> bytes:
    changed = bytearray(frame)
    for _ in range(chance.randint(1, mutations)):
        at = chance.randrange(len(changed) + 1)
        put_in = chance.randbytes(chance.randint(0, 2))
        changed[at : at + chance.randint(0, 2)] = put_in
    return bytes(changed)
