"""A server inside a root folder of its own, as a process that can be killed and paused: needs root.

It has namespaces of its own for mounts, processes and System V shared memory: when it ends, however it ends, nothing of
it stays mounted, running or allocated. It shares the machine's network.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from laboratory.servers.daemon import Daemon
from tapwatch.leash import LEASH

SESSION = "/session"
"""Where a confined process sees the session's folder: the only place that it may write to."""

NOBODY = 65534

_ENTER = """
mount --bind "$2" "$1/session" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 1
root=$1; shift 2; exec chroot "$root" "$@"
"""


def confined(root: Path, session: Path, command: Sequence[str], **environment: str) -> list[str]:
    """The command line that runs `command` inside `root` as an unprivileged user, with `session` at /session."""
    drop = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *LEASH[1:])
    variables = [f"{name}={value}" for name, value in _basics(environment).items()]
    unshare = ("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation=private")
    enter = ("sh", "-c", _ENTER, "enter", str(root), str(session))
    return [*unshare, *enter, "env", "-i", *variables, *drop, *command]


def make_enterable(root: Path) -> None:
    """The places that a confined process' folders are mounted at."""
    for name in (SESSION, "/proc", "/dev"):
        (root / name[1:]).mkdir(exist_ok=True)


def _basics(environment: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": SESSION} | dict(
        environment
    )


class ConfinedDaemon(Daemon):
    """A confined server; whoever signals it means the server, not the process that made its namespaces."""

    def terminate(self) -> None:
        """Its data is not wanted, and only killing the namespace's first process surely ends all the others."""
        os.killpg(self.pid, signal.SIGKILL)

    def interrupt(self, seconds: float) -> None:
        """Let it end in order, with its data complete; it is killed when that takes longer."""
        os.killpg(self.pid, signal.SIGINT)
        if not self.wait(seconds):
            self.kill()
