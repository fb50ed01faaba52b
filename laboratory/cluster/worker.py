"""One worker: a system of its own with containerd, a kubelet and a kube-proxy, as on a machine of a real cluster."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from laboratory.cluster.cgroup import Cgroup
from laboratory.cluster.containerd import start_containerd, write_containerd_settings
from laboratory.cluster.node import (
    Identity,
    identities,
    kube_proxy_flags,
    kubelet_flags,
    node_object,
    write_node_settings,
)
from laboratory.cluster.system import System
from laboratory.cluster.tuning import Tuning
from laboratory.cluster.volumes import make_folders
from laboratory.kubernetes.apiserver import SERVICES
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.programs.gotools import ensure
from laboratory.programs.nodeprograms import iptables
from laboratory.servers.daemon import Daemon
from laboratory.servers.lan import Lan, Machine
from tapwatch.errors import TapwatchError

DISK: Final = "disk"
"""The folder of what a worker's programs write."""


@dataclass
class Worker:
    """Off at first. What runs on it is there from `power_on` to `power_off`."""

    identity: Identity
    folder: Path
    lan: Lan = field(repr=False)
    tuning: Tuning = field(repr=False)
    neighbours: Mapping[str, str] = field(repr=False)
    """The other workers' addresses by the networks of their pods."""
    _parts: "_Parts | None" = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The node's, and the machine's."""
        return self.identity.name

    @property
    def zone(self) -> str:
        """The one that it stands in."""
        return self.identity.zone

    @property
    def address(self) -> str:
        """Where Services answer at their node ports."""
        return self.identity.address

    @property
    def is_on(self) -> bool:
        """Whether it has power."""
        return self._parts is not None

    @property
    def system(self) -> System:
        """What runs commands on it. Raises TapwatchError when it is off, as all that follow do."""
        return self._on.system

    @property
    def containerd(self) -> Daemon:
        """Its container runtime; containers go on without it."""
        return self._on.containerd

    @property
    def kubelet(self) -> Daemon:
        """What runs its pods and tells that it lives."""
        return self._on.kubelet

    @property
    def kube_proxy(self) -> Daemon:
        """What leads Services' addresses to pods."""
        return self._on.kube_proxy

    def power_on(self) -> None:
        """Boot it; its daemons run when this returns, its node need not be ready yet. Nothing happens when it is on."""
        if self.is_on:
            return
        with ExitStack() as undo:
            machine = self.lan.add_machine(self.name, self.identity.number)
            undo.callback(machine.remove)
            machine.add_route(SERVICES)  # any way will do: kube-proxy changes the destination before a packet leaves
            for network, address in self.neighbours.items():
                machine.add_route(network, address)
            cgroup = Cgroup.create(f"{self.lan.cable}-{self.name}")
            undo.callback(cgroup.remove)
            self._parts = self._boot(machine, cgroup)
            undo.pop_all()

    def power_off(self) -> None:
        """As by pulling the plug: nobody is told, nothing is refused. Nothing happens when it is off."""
        if self._parts is None:
            return
        system, self._parts = self._parts.system, None
        system.machine.cut()
        system.halt()
        system.machine.remove()

    def cut(self) -> None:
        """It goes on alone: the network reaches it no more."""
        self._on.system.machine.cut()

    def heal(self) -> None:
        """The network reaches it again."""
        self._on.system.machine.heal()

    def pause(self) -> None:
        """It hangs with all its pods: the kernel still accepts connections, nothing answers."""
        self._on.system.cgroup.freeze()

    def resume(self) -> None:
        """Go on after a pause."""
        self._on.system.cgroup.thaw()

    def mend(self) -> None:
        """Undo whatever was done to it; its node need not be ready yet."""
        self.power_on()
        self.resume()
        self.heal()
        for daemon in (self.containerd, self.kubelet, self.kube_proxy):
            daemon.resume()
            daemon.start()

    def _boot(self, machine: Machine, cgroup: Cgroup) -> "_Parts":
        system = System.boot(machine, cgroup, self.folder / DISK)
        variables = {"PATH": f"{iptables()}:{os.environ['PATH']}"}
        containerd = start_containerd(system, self.folder, variables)
        variables |= self.tuning.environment
        kubelet = self._start(system, "kubelet", variables, kubelet_flags(self.identity, self.folder))
        kube_proxy = self._start(system, "kube-proxy", variables, kube_proxy_flags(self.folder))
        return _Parts(system, containerd, kubelet, kube_proxy)

    def _start(self, system: System, program: str, variables: Mapping[str, str], flags: Sequence[str]) -> Daemon:
        environment = [f"{name}={value}" for name, value in variables.items()]
        return system.start(program, ["env", *environment, ensure(program), *flags], self.folder / f"{program}.log")

    @property
    def _on(self) -> "_Parts":
        if self._parts is None:
            raise TapwatchError(f"{self.name} is off")
        return self._parts


@dataclass(frozen=True)
class _Parts:
    """What a worker has while it is on."""

    system: System
    containerd: Daemon
    kubelet: Daemon
    kube_proxy: Daemon


def prepare(identity: Identity, plane: HighlyAvailable, folder: Path, tuning: Tuning) -> Worker:
    """A worker that is off, with its settings in `folder`; it is known to the cluster, and the ways to its pods are."""
    folder.mkdir()
    write_node_settings(identity, plane, folder, tuning.kubelet)
    write_containerd_settings(folder, identity.pods)
    make_folders(folder / DISK)
    plane.create("/api/v1/nodes", node_object(identity))
    plane.lan.add_route(identity.pods, identity.address)
    for master in plane.masters:
        master.machine.add_route(identity.pods, identity.address)
    neighbours = {one.pods: one.address for one in identities(plane.lan) if one != identity}
    return Worker(identity, folder, plane.lan, tuning, neighbours)
