"""`python -m tests.fuzz`: a million broken streams through the frames and the decoder, then wild gateways."""

import asyncio
import random
import time
from collections import Counter

import click
import psutil

from tests.fuzz.frames import check_decoder, check_frames, frames_case
from tests.fuzz.line import wild_line

_LARGEST_GROWTH_MEGABYTES = 20


@click.command()
@click.option("--cases", type=click.IntRange(0), default=1_000_000, show_default=True, help="Streams of frames.")
@click.option("--seconds", type=click.IntRange(0), default=120, show_default=True, help="For each wild gateway.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(cases: int, seconds: int, seed: int) -> None:
    """Feed the frames, the decoder and the line with what no device should send; stops at the first wrong value."""
    memory = _Memory()
    started, found = time.monotonic(), 0
    for number in range(cases):
        chance = random.Random(f"{seed}-{number}")
        found += check_frames(frames_case(chance))
        check_decoder(chance)
        if number % 100_000 == 0:
            memory.note(f"{number} streams, {found} right answers found, {time.monotonic() - started:.0f} s")
    for transport in ("tcp", "rtu+tcp"):
        ends = asyncio.run(_wild(seed, transport, seconds, memory))
        click.echo(f"{transport}: {_counts(ends)}, no wrong value")
    memory.check()


async def _wild(seed: int, transport: str, seconds: int, memory: "_Memory") -> Counter[str]:
    ends: Counter[str] = Counter()
    until = time.monotonic() + seconds
    async with wild_line(seed, "tcp" if transport == "tcp" else "rtu+tcp") as (wildness, one_round):
        while time.monotonic() < until:
            ends += await one_round()
            if sum(ends.values()) % 3000 == 0:
                memory.note(f"{transport}: {wildness.questions} questions, {_counts(ends)}")
    return ends


def _counts(ends: Counter[str]) -> str:
    return ", ".join(f"{end} {count}" for end, count in ends.most_common())


class _Memory:
    """The process' memory, which must not grow once it is warm."""

    def __init__(self) -> None:
        self._warm: float | None = None
        self._notes = 0

    def note(self, what: str) -> None:
        """Say how far it is."""
        self._notes += 1
        if self._notes == 2:  # the first comes before anything has run
            self._warm = _megabytes()
        click.echo(f"{what}, {_megabytes():.0f} MB")

    def check(self) -> None:
        """Raises AssertionError when it grew."""
        grown = _megabytes() - (self._warm or _megabytes())
        assert grown < _LARGEST_GROWTH_MEGABYTES, f"memory grew by {grown:.0f} MB"
        click.echo(f"memory grew by {grown:.1f} MB")


def _megabytes() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


if __name__ == "__main__":
    main()
