"""A worker's own system on a machine of the network: mounts, processes, shared memory and control groups of its own.

It ends as by pulling the plug, with all that runs in it, pods included, when its first process ends; and that ends with
the process that booted it, be it by kill -9. It shares this machine's files, but has /run, /var/lib and /var/log of its
own, of which /run is empty after a boot.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from laboratory.cluster.cgroup import Cgroup
from laboratory.servers.daemon import KEPT, Daemon
from laboratory.servers.lan import Machine
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

_SHADOWED: Final = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
"""Settings of the kernel that a kubelet wants so, and would change for the whole machine: plain files hide them."""

_BOOT: Final = """
set -e
disk=$1
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
while read -r name options; do
  mkdir "/sys/fs/cgroup/$name"
  mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$name"
done < "$disk/hierarchies"
mount --make-rshared /
mount -t tmpfs -o mode=755 run /run
mount --bind "$disk/lib" /var/lib
mount --bind "$disk/log" /var/log
while read -r name; do mount --bind "$disk/sys/$name" "/proc/sys/$name"; done < "$disk/shadowed"
echo 1 > /proc/sys/net/ipv4/ip_forward
trap '' CHLD # inherited: whatever loses its parent leaves no zombie
echo up
exec sleep infinity
"""
_BOOT_SECONDS: Final = 30


@dataclass(frozen=True)
class System:
    """A booted one."""

    machine: Machine
    cgroup: Cgroup
    holder: Daemon = field(repr=False)
    """The parent of its process 1, which ends with it."""

    @classmethod
    def boot(cls, machine: Machine, cgroup: Cgroup, disk: Path) -> Self:
        """What `disk`/lib and `disk`/log hold stays from boot to boot. Raises TapwatchError with the log's end."""
        _write_disk(disk, cgroup)
        log = disk / "boot.log"
        log.unlink(missing_ok=True)
        unshare = ("unshare", "--mount", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--mount-proc")
        command: list[str | Path] = [*cgroup.joining, *unshare, "sh", "-c", _BOOT, "boot", disk]
        system = cls(machine, cgroup, machine.start("system", command, log))
        if not comes_true(lambda: system.holder.log_end() == "up" or not system.holder.running, _BOOT_SECONDS):
            raise TapwatchError(f"{machine.name} does not boot after {_BOOT_SECONDS} s: {system.holder.log_end()}")
        if not system.holder.running:
            raise TapwatchError(f"{machine.name} does not boot: {system.holder.log_end()}")
        return system

    @property
    def first_process(self) -> int:
        """Its process 1, as this machine numbers it."""
        pid = self.holder.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    @property
    def entering(self) -> tuple[str, ...]:
        """Before a command: it runs inside."""
        spaces = ("--mount", "--uts", "--net", "--ipc", "--cgroup", "--pid")
        return *self.cgroup.joining, "nsenter", "--target", str(self.first_process), *spaces

    def start(self, name: str, command: Sequence[str | Path], log: Path) -> Daemon:
        """A server inside, started again whenever it ends, as by an init system."""
        return self.machine.start(name, [*self.entering, *KEPT, *command], log)

    def run(self, command: Sequence[str | Path]) -> str:
        """What a command printed that ran to its end inside. Raises TapwatchError with what it complained of."""
        result = subprocess.run([*self.entering, *command], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise TapwatchError(
                f"{self.machine.name}: {' '.join(map(str, command))} ended with {result.returncode}: "
                f"{result.stderr.strip() or result.stdout.strip()}"
            )
        return result.stdout

    def halt(self) -> None:
        """As by pulling the plug; its control groups are gone as well."""
        self.cgroup.thaw()  # what is frozen does not die
        self.holder.kill()
        self.cgroup.remove()


def _write_disk(disk: Path, cgroup: Cgroup) -> None:
    for name in ("lib", "log"):
        (disk / name).mkdir(parents=True, exist_ok=True)
    for name, value in _SHADOWED.items():
        file = disk / "sys" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    (disk / "shadowed").write_text("".join(f"{name}\n" for name in _SHADOWED))
    (disk / "hierarchies").write_text("".join(f"{one.root.name} {one.options}\n" for one in cgroup.hierarchies))
