"""The demo's processes: started in order, waited for until ready, stopped for sure."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from tapwatch.errors import TapwatchError

STOP_SECONDS = 10.0
"""What a process gets between SIGTERM and SIGKILL."""

_LOG_LINES = 15
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)


def tapwatch_command(*arguments: str) -> list[str]:
    """The command line of one of our own processes, in the Python that runs now."""
    return [sys.executable, "-m", "tapwatch", *arguments]


class Child:
    """One process of the demo."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(cls, name: str, command: Sequence[str | Path], log: Path) -> "Child":
        """Start `command` with its output in `log`; it ends when we do, however we end. Raises TapwatchError."""
        parent = os.getpid()
        with log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is for us; we stop the others in order
                    preexec_fn=lambda: end_with_parent(parent),
                )
            except OSError as error:
                raise TapwatchError(f"{name} cannot be started: {error}") from error
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def wait_ready(self, url: str, seconds: float) -> None:
        """Wait until `url` answers 200; raises TapwatchError with the end of the log when it does not in time."""
        deadline = time.monotonic() + seconds
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as session:
            while not await _answers(session, url):
                if not self.running:
                    raise TapwatchError(
                        f"{self.name} ended with status {self._process.returncode}\n{self.last_lines()}"
                    )
                if time.monotonic() > deadline:
                    raise TapwatchError(f"{self.name} was not ready after {seconds:g} s\n{self.last_lines()}")
                await asyncio.sleep(0.1)

    def last_lines(self) -> str:
        """The end of the log, for a person who wonders what happened."""
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            return "".join(f"  {line}" for line in deque(lines, _LOG_LINES)).rstrip()

    async def stop(self, grace: float = STOP_SECONDS) -> None:
        """SIGTERM, and SIGKILL for what does not end within `grace` seconds."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def end_with_parent(parent: int) -> None:
    """Make the calling process, a new child of `parent`, end with it, even when that is killed."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was killed before the kernel knew
        os._exit(1)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200  # noqa: PLR2004 - HTTP's own number
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
