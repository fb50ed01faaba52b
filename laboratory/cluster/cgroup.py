"""The control groups of a worker: the kernel counts, freezes and ends what runs in them.

They are directories, and the one part of a worker that does not end with its processes. Their names say whose they are,
so that those of a laboratory that was killed can be told and removed.
"""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

_MOUNTS: Final = Path("/proc/self/mounts")
_JOIN: Final = 'for group in $0; do echo 0 > "$group/cgroup.procs" || exit 1; done; exec "$@"'
_SECONDS: Final = 60


@dataclass(frozen=True)
class Hierarchy:
    """One tree of control groups, with the controllers that count in it."""

    root: Path
    options: str
    """What mounts it again, as `cpu,cpuacct` or `none,name=systemd`."""


@dataclass(frozen=True)
class Cgroup:
    """A group of this name in every hierarchy."""

    name: str
    hierarchies: tuple[Hierarchy, ...]

    @classmethod
    def create(cls, name: str) -> Self:
        """An empty one; what was in another of this name ends. Raises TapwatchError when the machine has none."""
        group = cls(name, hierarchies())
        group.remove()
        for folder in group.folders:
            folder.mkdir()
            for file in ("cpuset.cpus", "cpuset.mems"):  # which are empty in a new group, and then nothing may run
                if (folder / file).exists():
                    (folder / file).write_text((folder.parent / file).read_text())
        return group

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where it is, in each hierarchy."""
        return tuple(one.root / self.name for one in self.hierarchies)

    @property
    def joining(self) -> tuple[str, ...]:
        """Before a command: it runs in this group, with all that it starts."""
        return "sh", "-c", _JOIN, " ".join(map(str, self.folders))

    def freeze(self) -> None:
        """Everything in it stops where it is."""
        self._set("FROZEN")

    def thaw(self) -> None:
        """Everything in it goes on."""
        self._set("THAWED")

    def remove(self) -> None:
        """End what runs in it, and remove it with all groups below it. Raises TapwatchError when something stays."""
        self.thaw()
        for process in self._processes():
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(process, signal.SIGKILL)
        if not comes_true(self._is_gone, _SECONDS):
            raise TapwatchError(f"the control group {self.name} is still in use by processes {self._processes()}")

    def _set(self, state: str) -> None:
        for folder in self.folders:
            file = folder / "freezer.state"
            if file.exists():
                file.write_text(state)
                if not comes_true(lambda file=file: file.read_text().strip() == state, _SECONDS):  # type: ignore[misc]
                    raise TapwatchError(f"{file} does not become {state}")

    def _processes(self) -> set[int]:
        files = [file for folder in self.folders for file in folder.rglob("cgroup.procs")]
        return {int(line) for file in files for line in file.read_text().split()}

    def _is_gone(self) -> bool:
        for folder in self.folders:
            for group, _, _ in os.walk(folder, topdown=False):
                Path(group).rmdir()  # raises OSError while something runs in it
        return True


def remove_left_behind() -> tuple[str, ...]:
    """The names of the groups that belonged to networks that are gone; they are gone, too."""
    trees = hierarchies()
    devices = {name for _, name in socket.if_nameindex()}
    found = {folder.name for tree in trees for folder in tree.root.glob("tapwatch*-*")}
    names = sorted(name for name in found if name.split("-", 1)[0] not in devices)
    for name in names:
        Cgroup(name, trees).remove()
    return tuple(names)


def hierarchies() -> tuple[Hierarchy, ...]:
    """Those that are mounted, of version 1. Raises TapwatchError with what to do when there are none."""
    mounts = [line.split()[1:4] for line in _MOUNTS.read_text().splitlines()]
    found = tuple(Hierarchy(Path(root), _controllers(options)) for root, kind, options in mounts if kind == "cgroup")
    if not found:
        raise TapwatchError(
            "workers need control groups of version 1, and this machine has none: "
            "start it with systemd.unified_cgroup_hierarchy=0 on the kernel's command line"
        )
    return found


def _controllers(options: str) -> str:
    """What is left of a mount's options without those that say nothing about the hierarchy."""
    general = {"rw", "ro", "relatime", "noatime", "nosuid", "nodev", "noexec", "xattr"}
    kept = [option for option in options.split(",") if option not in general and not option.startswith("release_agent")]
    return ",".join(["none", *kept] if kept[0].startswith("name=") else kept)
