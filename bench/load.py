"""Load as Prometheus makes it: each target in its turn, spread over the interval, whether or not others are late."""

import asyncio
import http.client
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.answer import Answer
from bench.scrape import Scraper
from tapwatch import catalogue
from tapwatch.errors import TapwatchError

_LATE_SECONDS = 1.0
_UP = re.compile(rb"^" + catalogue.DISPENSER_UP.name.encode() + rb"(?:\{[^\n]*\})? 1(?:\.0)?$", re.MULTILINE)


@dataclass
class Tally:
    """What came of many scrapes."""

    missed: int = 0
    """Scrapes without a good answer within Prometheus' timeout."""
    late: int = 0
    """Answers later than a second after the scrape was due, its own delay included."""
    devices: int = 0
    """Devices that were up, each counted once for every scrape."""
    wire_bytes: int = 0
    seconds: list[float] = field(default_factory=list)
    """From asking to the whole answer."""

    def add(self, answer: Answer, seconds: float, delay: float) -> None:
        """Count one answer, asked for `delay` seconds after it was due."""
        self.missed += answer.status != http.client.OK
        self.late += delay + seconds > _LATE_SECONDS
        self.devices += devices_up(answer)
        self.wire_bytes += answer.wire_bytes
        self.seconds.append(seconds)

    def quantile(self, share: float) -> float:
        """Seconds that this share of the scrapes did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def devices_up(answer: Answer) -> int:
    """How many devices the answer has values of."""
    return sum(1 for _ in _UP.finditer(answer.body))


async def drive(scraper: Scraper, paths: Sequence[str], interval: float, rounds: int) -> Tally:
    """Ask for each path once every `interval` seconds, `rounds` times, in an order that stays the same.

    The order is mixed, as Prometheus' offsets are: the units of one gateway do not follow each other.
    """
    tally = Tally()
    mixed = random.Random(0).sample(paths, len(paths))  # noqa: S311 - the same in every run
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(rounds * len(mixed)):
            due = started + number * interval / len(mixed)
            ahead = due - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            group.create_task(_scrape(scraper, mixed[number % len(mixed)], due, tally))
        await asyncio.sleep(max(started + rounds * interval - time.perf_counter(), 0))
    return tally


async def _scrape(scraper: Scraper, path: str, due: float, tally: Tally) -> None:
    delay = time.perf_counter() - due
    try:
        scrape = await scraper.get(path)
    except TapwatchError:
        tally.missed += 1
    else:
        tally.add(scrape.answer, scrape.seconds, delay)
