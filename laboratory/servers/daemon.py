"""A real server as a child process: it can be killed and paused, and never outlives the process that started it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import psutil

from tapwatch.errors import TapwatchError
from tapwatch.leash import LEASH

GRACE_SECONDS: Final = 3
"""How long a server may take to end by itself before it is killed; its data is not wanted any more."""

KEPT: Final = ("sh", "-c", f'while :; do {" ".join(LEASH)} "$@"; sleep 1; done', "kept")
"""Before a command: it is started again whenever it ends, as a kubelet does with the control plane's pods."""

_STOPPED: Final = frozenset("TtZX")
_STOPPED_SECONDS: Final = 30.0

_STARTER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="daemon-starter")
"""The leash holds to the thread that started the child, so all are started by one that lives as long as the process."""


class Daemon:
    """One process that serves until it is stopped; what it prints is added to `log`."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, host_name: str | None = None) -> None:
        """Start it. With `host_name` the process sees that as its machine's name, where the system allows it."""
        self.name = name
        self.log = log
        self._command = [*_host(host_name), *LEASH, *command]
        self._process = self._started()

    @property
    def pid(self) -> int:
        """The server's own process, of its latest start."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists; a paused one does."""
        return self._process.poll() is None

    def start(self) -> None:
        """Start it again; nothing happens while it runs."""
        if not self.running:
            self._process = self._started()

    def pause(self) -> None:
        """It hangs with all that it started: connections are still accepted by the kernel, nothing answers.

        Raises TapwatchError when it goes on regardless.
        """
        self._signal(signal.SIGSTOP)
        until_stopped(_group(self.pid))

    def resume(self) -> None:
        """Go on after a pause."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """It ends at once with all that it started, without a farewell, paused or not."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """Ask it to end, paused or not, and do not wait."""
        self._process.terminate()
        self.resume()

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask it to end, and kill it when it has not done so in time."""
        stop_all([self], grace_seconds)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within this time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def log_end(self, lines: int = 20) -> str:
        """The last lines that it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        """To the process and to all that it started."""
        if self.running:
            os.killpg(self.pid, number)

    def _started(self) -> subprocess.Popen[bytes]:
        def start() -> subprocess.Popen[bytes]:
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )

        return _STARTER.submit(start).result()


def until_stopped(pids: Iterable[int]) -> None:
    """Return when SIGSTOP has reached every thread: until one has had a processor, the others go on serving.

    Raises TapwatchError when that takes longer than anything does.
    """
    deadline = time.monotonic() + _STOPPED_SECONDS
    for pid in pids:
        while not _STOPPED.issuperset(_states(pid)):
            if time.monotonic() > deadline:
                raise TapwatchError(f"process {pid} does not stop")
            time.sleep(0.001)


def _group(leader: int) -> list[int]:
    """The processes of its group."""
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == leader:
                found.append(pid)
    return found


def _states(pid: int) -> set[str]:
    """Of its threads, as proc(5) has them; none when it has ended."""
    found = set()
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # the thread has ended meanwhile
            found.add(stat.read_text().rpartition(")")[2].split()[0])
    return found


def stop_all(daemons: Iterable[Daemon], grace_seconds: float = GRACE_SECONDS) -> None:
    """Stop them at the same time; none runs afterwards."""
    running = [daemon for daemon in daemons if daemon.running]
    for daemon in running:
        daemon.terminate()
    deadline = time.monotonic() + grace_seconds
    for daemon in running:
        if not daemon.wait(max(0.0, deadline - time.monotonic())):
            daemon.kill()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that a server can bind, and that the kernel gives to nobody else for a minute.

    A connection made through the port leaves it in TIME_WAIT: servers, which set SO_REUSEADDR, may have it, and
    those who ask for any port do not get it.
    """
    with socket.create_server((address, 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection((address, port)):
            server.accept()[0].close()  # the side that closes first keeps the port
    return port


@cache
def can_have_host_names() -> bool:
    """Whether a process may see a host name of its own: root may, others where user namespaces are allowed."""
    return subprocess.run([*_host_command("probe"), "true"], capture_output=True, check=False).returncode == 0


def _host(name: str | None) -> tuple[str, ...]:
    return () if name is None or not can_have_host_names() else _host_command(name)


def _host_command(name: str) -> tuple[str, ...]:
    """Each step executes the next in its own place, so that the process started is the server itself."""
    unshare = ("unshare", "--uts") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--uts")
    return *unshare, "sh", "-c", 'hostname "$0" && exec "$@"', name
