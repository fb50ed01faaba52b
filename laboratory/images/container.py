"""An image's root as pod security `restricted` gives it to a container: read-only, for an ordinary user without rights.

It shares the machine's network, so that tests reach it on loopback. Namespaces hold its mounts and processes: when it
ends, however it ends, nothing of it stays.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from laboratory.servers.confined import ConfinedDaemon
from tapwatch.leash import LEASH

SETTINGS = "/mnt"
"""Where a container sees the folder of its settings, read-only."""

_ENTER = """
root=$1 settings=$2 scratch=$3 user=$4; shift 4
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root" || exit 1
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || exit 1
mount -t tmpfs -o mode=1777 shm "$root/dev/shm" || exit 1
[ -z "$settings" ] || { mount --bind "$settings" "$root/mnt" && mount -o remount,bind,ro "$root/mnt"; } || exit 1
[ -z "$scratch" ] || mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" || exit 1
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
"""


@dataclass(frozen=True)
class Container:
    """How the image is to be run."""

    root: Path
    """Its files, unpacked."""
    user: str
    environment: Sequence[str]
    settings: Path | None = None
    scratch: bool = False
    """Whether it may write to /tmp, too; else to shared memory only, as every container may."""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What the command prints, and its exit status."""
        return subprocess.run(self._command(command), capture_output=True, text=True, check=False)

    def start(self, log: Path, *command: str) -> ConfinedDaemon:
        """The command as a server."""
        return ConfinedDaemon(command[0], self._command(command), log)

    def _command(self, command: Sequence[str]) -> list[str]:
        unshare = ("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation=private")
        options = (str(self.root), str(self.settings or ""), "1" if self.scratch else "", self.user)
        inside = ("env", "-i", *self.environment, *LEASH, "sh", "-c", _ENTER, "enter", *options, *command)
        return [*LEASH, *unshare, *inside]
