"""A laboratory that is kept in the background, one for each folder, until it is told to end."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import psutil

from laboratory.cluster.cgroup import remove_left_behind
from laboratory.servers.waiting import comes_true
from tapwatch.cache import tell
from tapwatch.errors import TapwatchError

_END_SECONDS: Final = 60
_LEASH_SECONDS: Final = 10
_LOCK_SECONDS: Final = 2


@dataclass(frozen=True)
class Keeper:
    """Where the one that is kept has its files; there need not be one."""

    folder: Path
    end_seconds: float = _END_SECONDS
    """How long it may take to end by itself before it is killed."""

    @property
    def laboratory(self) -> Path:
        """The folder of the cluster itself."""
        return self.folder / "laboratory"

    @property
    def log(self) -> Path:
        """What the process that keeps it says."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """The process that keeps it, while there is one."""
        try:
            with self._lock.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return int(self._lock.read_text())
        return None

    @property
    def description(self) -> str | None:
        """What a person wants to know of it, when it is up."""
        if self.pid is None or not self._description.exists():
            return None
        return self._description.read_text(encoding="utf-8")

    def start(self, command: Sequence[str]) -> str:
        """Let the command keep one, show its progress, and return its description when it is up.

        Raises TapwatchError when there is one, when the command ends before, or when the folder is somebody else's.
        """
        if self.pid is not None:
            raise TapwatchError(f"a cluster is up already, kept by process {self.pid}: `make cluster-down` ends it")
        self.remove_left_behind()
        self.folder.mkdir(parents=True, mode=0o700)
        self._lock.touch()
        keeper = _in_background(command, self.log)
        try:
            for line in self._lines(lambda: _runs(keeper) and not self._description.exists()):
                tell(line, end="")
        except BaseException:
            os.kill(keeper, signal.SIGTERM)
            os.waitpid(keeper, 0)
            raise
        if (description := self.description) is None:
            raise TapwatchError(f"the cluster did not come up; all that was said is in {self.log}")
        return description

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Inside, this process keeps one, and nobody else. Raises TapwatchError when another does."""
        with self._lock.open("a+") as lock:
            if not comes_true(lambda: _locked(lock), _LOCK_SECONDS):  # whoever asks for `pid` holds it for a moment
                raise TapwatchError("a cluster is up already")
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def describe(self, text: str) -> None:
        """It is up."""
        partial = self.folder / ".description"
        partial.write_text(text, encoding="utf-8")
        partial.rename(self._description)

    def end(self) -> bool:
        """End it and remove all that is left of it, and of any that was killed; whether one ran."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not comes_true(lambda: self.pid is None, self.end_seconds):
                _kill(pid)
        self.remove_left_behind()
        return pid is not None

    def remove_left_behind(self) -> None:
        """What stays of one that was killed: control groups, which are directories, and its files.

        Raises TapwatchError when the folder is somebody else's.
        """
        remove_left_behind()
        if not self.folder.exists():
            return
        if not self._lock.exists():
            raise TapwatchError(f"{self.folder} is no cluster's folder: name one that does not exist")
        shutil.rmtree(self.folder)

    @property
    def _lock(self) -> Path:
        return self.folder / ".tapwatch-cluster"

    @property
    def _description(self) -> Path:
        return self.folder / "description"

    def _lines(self, goes_on: Callable[[], bool]) -> Iterator[str]:
        """What is added to the log, as long as it goes on."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            while goes_on():
                yield from log
                time.sleep(0.1)
            yield from log


def _in_background(command: Sequence[str], log: Path) -> int:
    """The process, in a session of its own, which goes on when this one ends."""
    log.touch()
    output = (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_APPEND, 0)
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), output, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawnp(command[0], list(command), os.environ, file_actions=files, setsid=True)


def _runs(child: int) -> bool:
    return os.waitpid(child, os.WNOHANG) == (0, 0)


def _kill(pid: int) -> None:
    """And wait until the kernel has killed all that it started; what is frozen stays, until its group is removed."""
    started = psutil.Process(pid).children(recursive=True)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(started, _LEASH_SECONDS)


def _locked(lock: TextIO) -> bool:
    """Whether it is this process' now; raises BlockingIOError when it is another's."""
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True
