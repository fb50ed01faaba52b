"""The probe outside of the cluster: asks a URL on a beat, whether or not the answer before has come."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    """One request."""

    began: float
    """Unix time."""
    seconds: float
    failure: str = ""
    """Why it failed; empty when it did not."""

    @property
    def ended(self) -> float:
        """When the answer was there, or was waited for no more; Unix time."""
        return self.began + self.seconds


@dataclass(frozen=True)
class Outage:
    """What users of a URL saw after something happened; seconds are counted from then."""

    asked: int
    failed: int
    right_after: float
    """When the last request that failed had failed; 0 when none did."""
    slowest: float
    """The longest that an answer took which came."""
    failures: tuple[tuple[float, str], ...]
    """When each request that failed had failed, and why."""


def outage(samples: Iterable[Sample], since: float, until: float = float("inf")) -> Outage:
    """Of the requests that began, or were under way, at `since` (Unix time) or later, and began before `until`."""
    seen = [one for one in samples if one.ended >= since and one.began < until]
    failed = [one for one in seen if one.failure]
    return Outage(
        asked=len(seen),
        failed=len(failed),
        right_after=max((one.ended - since for one in failed), default=0.0),
        slowest=max((one.seconds for one in seen if not one.failure), default=0.0),
        failures=tuple((round(one.ended - since, 2), one.failure) for one in failed),
    )


@dataclass
class Probe:
    """What is asked, and what has been answered so far."""

    name: str
    url: Callable[[], str]
    """Looked up before each request, as one who resolves a name does."""
    every: float
    """Seconds."""
    tls: ssl.SSLContext | None = None
    text: str = ""
    """What must stand in the answer."""
    samples: list[Sample] = field(default_factory=list)

    async def ask(self, session: aiohttp.ClientSession) -> None:
        """One request, on a connection of its own; anything but status 200 with the text is a failure."""
        began, started = time.time(), time.monotonic()
        failure = ""
        try:
            async with session.get(self.url(), ssl=self.tls or True) as answer:
                body = await answer.text()
            if answer.status != 200:
                failure = f"status {answer.status}"
            elif self.text not in body:
                failure = "another answer"
        except TimeoutError:
            failure = "no answer in time"
        except (aiohttp.ClientError, OSError) as error:
            failure = type(error).__name__
        self.samples.append(Sample(began, time.monotonic() - started, failure))


@asynccontextmanager
async def watching(probes: Sequence[Probe]) -> AsyncIterator[None]:
    """Every probe asks on its beat while the block runs."""
    timeout = aiohttp.ClientTimeout(TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as tasks:
        beats = [tasks.create_task(_beat(probe, session, tasks)) for probe in probes]
        try:
            yield
        finally:
            for one in beats:
                one.cancel()


async def _beat(probe: Probe, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
    following = time.monotonic()
    while True:
        tasks.create_task(probe.ask(session))
        following = max(following + probe.every, time.monotonic())
        await asyncio.sleep(following - time.monotonic())
