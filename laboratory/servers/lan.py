"""A network of machines inside this one: each sees its own network and host name, this machine has a cable to it.

The kernel's namespaces make it, and processes on a leash hold them. Nothing has a name in the file system, so when the
process that made the network ends, be it by kill -9, the kernel removes namespaces, cables and addresses by itself. No
rule of a firewall and no setting of this machine is touched. Needs root, and `ip` of iproute2.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from laboratory.servers.daemon import Daemon
from tapwatch.errors import TapwatchError

_HOLDER: Final = 'hostname "$0" && ip link set lo up && echo up && exec sleep infinity'
_TOOLS: Final = {"ip": "iproute2", "nsenter": "util-linux", "unshare": "util-linux", "hostname": "hostname"}
_START_SECONDS: Final = 30
_MOST_NETWORKS: Final = 256


@dataclass(frozen=True)
class Machine:
    """One machine on the network, known by an address."""

    name: str
    address: str
    holder: Daemon = field(repr=False)
    """Does nothing: while it lives there are the machine's network and name."""
    switch: Daemon = field(repr=False)
    running: ExitStack = field(repr=False)

    def start(self, name: str, command: Sequence[str | Path], log: Path) -> Daemon:
        """A server on it, which ends with the network."""
        daemon = Daemon(f"{self.name}'s {name}", [*_inside(self.holder), *command], log)
        self.running.callback(daemon.kill)
        return daemon

    def cut(self) -> None:
        """Nothing reaches it and nothing comes back, and nobody is told: as a broken switch port."""
        _run([*_inside(self.switch), "ip", "link", "set", self.name, "nomaster"])

    def heal(self) -> None:
        """The cable works again."""
        _run([*_inside(self.switch), "ip", "link", "set", self.name, "master", "switch"])

    def add_route(self, destination: str, via: str = "") -> None:
        """It reaches the network `destination` through the machine with the address `via`, else directly."""
        way = ("via", via) if via else ()
        _run([*_inside(self.holder), "ip", "route", "replace", destination, *way, "dev", "eth0"])

    def remove(self) -> None:
        """Its name and its cable are gone at once; another may be added in its place."""
        _run([*_inside(self.switch), "ip", "link", "delete", self.name])  # first: its network's end would take it, too
        self.holder.kill()


@dataclass(frozen=True)
class Lan:
    """The switch, and this machine's own address on it."""

    network: str
    """Its first three numbers, as `198.18.0`: of the range that RFC 2544 keeps for tests."""
    switch: Daemon = field(repr=False)
    folder: Path
    """For the logs of what holds the machines."""
    running: ExitStack = field(repr=False)
    """Ends what runs on the network, latest first."""

    @property
    def cable(self) -> str:
        """The name of this machine's network device on it."""
        return _cable(self.network)

    @property
    def address(self) -> str:
        """The one of this machine."""
        return f"{self.network}.1"

    @classmethod
    @contextmanager
    def start(cls, folder: Path) -> Iterator[Self]:
        """A network that no other process uses; all machines end with the block. Raises TapwatchError."""
        require_lan()
        with ExitStack() as running:
            switch = _held("switch", folder, running)
            _run([*_inside(switch), "ip", "link", "add", "switch", "up", "type", "bridge"])
            lan = cls(_plug_in(switch), switch, folder, running)
            lan.add_address(lan.address)
            yield lan

    def add_address(self, address: str) -> None:
        """Give this machine one more."""
        _run(["ip", "address", "add", f"{address}/24", "dev", self.cable])

    def add_route(self, destination: str, via: str) -> None:
        """From here the network `destination` is reached through the machine with the address `via`.

        The route goes with the cable.
        """
        _run(["ip", "route", "replace", destination, "via", via, "dev", self.cable])

    def add_machine(self, name: str, number: int) -> Machine:
        """NETWORK.NUMBER; its name has at most 15 characters.

        Its hardware address follows from the number, so that one in another's place is found at once.
        """
        holder = _held(name, self.folder, self.running)
        machine = Machine(name, f"{self.network}.{number}", holder, self.switch, self.running)
        inside = _inside(holder)
        end = ("peer", "name", "eth0", "address", f"02:00:c6:12:00:{number:02x}", "netns", str(holder.pid))
        _run([*_inside(self.switch), "ip", "link", "add", name, "up", "type", "veth", *end])
        _run([*inside, "ip", "address", "add", f"{machine.address}/24", "dev", "eth0"])
        _run([*inside, "ip", "link", "set", "eth0", "up"])
        machine.heal()
        return machine


def require_lan() -> None:
    """Raise TapwatchError with what this machine or this user lacks."""
    if os.geteuid() != 0:
        raise TapwatchError("a network of machines needs network namespaces, and so root: run this as root")
    missing = [f"{tool} (Debian's {package})" for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise TapwatchError(f"a network of machines needs {' and '.join(missing)}")


def _plug_in(switch: Daemon) -> str:
    """Connect this machine; the network's first three numbers. The cable's name claims the network."""
    for number in range(_MOST_NETWORKS):
        network = f"198.18.{number}"
        end = ("peer", "name", "host", "netns", str(switch.pid))
        add = ["ip", "link", "add", _cable(network), "up", "type", "veth", *end]
        result = subprocess.run(add, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            _run([*_inside(switch), "ip", "link", "set", "host", "up", "master", "switch"])
            return network
        if "File exists" not in result.stderr:
            raise TapwatchError(f"{' '.join(add)} failed: {result.stderr.strip()}")
    raise TapwatchError(f"all {_MOST_NETWORKS} networks of 198.18.0.0/16 are in use: see `ip link`")


def _cable(network: str) -> str:
    return f"tapwatch{network.rsplit('.', 1)[1]}"


def _held(name: str, folder: Path, running: ExitStack) -> Daemon:
    """What holds a new network and host name, ready."""
    log = folder / f"{name}.log"
    log.unlink(missing_ok=True)  # that of one whose place it takes says that it is up
    holder = Daemon(name, ["unshare", "--net", "--uts", "sh", "-c", _HOLDER, name], log)
    running.callback(holder.kill)
    deadline = time.monotonic() + _START_SECONDS
    while holder.log_end() != "up":
        if not holder.running or time.monotonic() > deadline:
            raise TapwatchError(f"no network of its own for {name}: {holder.log_end()}")
        time.sleep(0.005)
    return holder


def _inside(holder: Daemon) -> tuple[str, ...]:
    """Runs the command that follows in the network and under the name of this one."""
    return "nsenter", "--target", str(holder.pid), "--net", "--uts"


def _run(command: Sequence[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TapwatchError(f"{' '.join(command)} failed: {result.stderr.strip()}")
