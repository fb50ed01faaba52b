"""The processes of a benchmark: started, measured by what the operating system says of them, and stopped."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import psutil

from tapwatch.errors import TapwatchError

_START_SECONDS = 120.0
"""A fleet of 10,000 takes long."""
_TRY_SECONDS = 0.1
_WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Process:
    """One running process."""

    handle: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time since it was started."""
        times = self.handle.cpu_times()
        return float(times.user + times.system)

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return int(self.handle.memory_info().rss)


async def most_memory(process: Process) -> int:
    """The most bytes that were seen until this was cancelled."""
    most = process.memory_bytes()
    try:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            most = max(most, process.memory_bytes())
    except asyncio.CancelledError:
        return most


@asynccontextmanager
async def running_process(command: Sequence[str], ready_url: str | None) -> AsyncIterator[Process]:
    """Started, and answering at `ready_url` where it has one. Raises TapwatchError."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        if ready_url is not None:
            await _wait_until_it_answers(ready_url, process)
        yield Process(psutil.Process(process.pid))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _wait_until_it_answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Until `url` answers anything; raises TapwatchError when the process ends, or does not answer in time."""
    async with aiohttp.ClientSession() as session:
        for _ in range(int(_START_SECONDS / _TRY_SECONDS)):
            if process.returncode is not None:
                raise TapwatchError(f"the process for {url} ended with status {process.returncode}")
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(_TRY_SECONDS)
    raise TapwatchError(f"nothing answers at {url}")
