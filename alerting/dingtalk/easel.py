"""The process that draws charts. It alone loads matplotlib, which takes half a second and 40 MB."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """What is to be drawn."""

    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    """A name, and Unix times with values."""
    threshold: float | None
    fired_at: float
    """Unix time."""
    time_zone: str


def _prepare() -> None:
    from alerting.dingtalk.chart import prepare  # noqa: PLC0415  # in the process that draws

    prepare()


def _draw(wanted: Picture) -> bytes:
    from alerting.dingtalk.chart import draw  # noqa: PLC0415  # as above

    return draw(wanted)


class Easel:
    """The process that draws; one chart at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._busy = asyncio.Lock()

    def start(self) -> None:
        """Have it ready before the first alert comes."""
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_prepare)
        self._pool.submit(_prepare)

    def stop(self) -> None:
        """End it, and what it draws."""
        if self._pool is not None:
            for process in list(self._pool._processes.values()):  # noqa: SLF001 - it has no other way before 3.14
                process.kill()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    async def draw(self, wanted: Picture) -> bytes:
        """The PNG."""
        if self._pool is None:
            self.start()
        async with self._busy:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._pool, _draw, wanted)
            except BrokenProcessPool:
                self.stop()
                raise
