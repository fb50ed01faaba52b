"""Steps that are taken again and again, each in a loop of its own that survives any fault of ours."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

log = structlog.get_logger()

_AFTER_CRASH_SECONDS = 5.0

Step = Callable[[], Awaitable[float]]
"""Does one round, and returns the seconds from its start to the next one's."""


@dataclass(frozen=True)
class Key:
    """What a loop is for: its kind is the metric label and the log field, its subject tells it from others."""

    kind: str
    subject: Hashable = None


class Loops:
    """The loops of one cluster."""

    def __init__(self, cluster: str, crashes: Counter) -> None:
        self._cluster = cluster
        self._crashes = crashes
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def follow(self, wanted: Mapping[Key, Step]) -> tuple[set[Key], set[Key]]:
        """Run just these from now on: start what is new, end what is not wanted; the keys that came and that went."""
        came, went = wanted.keys() - self._tasks.keys(), self._tasks.keys() - wanted.keys()
        for key in went:
            self._tasks.pop(key).cancel()
        for key in came:
            self._tasks[key] = asyncio.create_task(self.repeat(key, wanted[key]))
        return came, went

    async def stop(self) -> None:
        """End all; what is under way is dropped."""
        tasks = list(self._tasks.values())
        self.follow({})
        await asyncio.gather(*tasks, return_exceptions=True)

    async def repeat(self, key: Key, step: Step) -> None:
        """Take a step again and again, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            try:
                pause = await step()
            except Exception:
                log.exception("watch.crashed", cluster=self._cluster, loop=key.kind)
                self._crashes.labels(self._cluster, key.kind).inc()
                pause = clock() - started + _AFTER_CRASH_SECONDS
            await asyncio.sleep(max(0.0, started + pause - clock()))
