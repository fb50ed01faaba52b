"""Machines are apart, reach each other, can be cut off, and leave nothing behind."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from laboratory.servers.daemon import Daemon
from laboratory.servers.lan import Lan, Machine
from laboratory.servers.waiting import comes_true

pytestmark = pytest.mark.root

SERVER = "import socket, time; server = socket.create_server(('', 80)); print('up', flush=True); time.sleep(600)"
OWNER = """
import sys, time
from pathlib import Path
from laboratory.servers.lan import Lan
with Lan.start(Path(sys.argv[1])) as lan:
    machine = lan.add_machine("one", 11)
    sleeper = machine.start("sleeper", ["sleep", "600"], Path(sys.argv[1], "sleeper.log"))
    print(lan.cable, lan.switch.pid, machine.holder.pid, sleeper.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan.start(tmp_path) as lan:
        yield lan


def test_a_machine_has_its_own_name_and_ports(lan: Lan, tmp_path: Path) -> None:
    machines = [lan.add_machine(f"machine-{number}", number) for number in (11, 12)]
    servers = [serve(machine, tmp_path) for machine in machines]
    assert all(reachable(machine.address) for machine in machines)
    assert all(server.running for server in servers)
    for machine in machines:
        told = machine.start("hostname", ["hostname"], tmp_path / f"{machine.name}-hostname.log")
        assert told.wait(30)
        assert told.log_end() == machine.name


def test_machines_reach_each_other(lan: Lan, tmp_path: Path) -> None:
    one, other = lan.add_machine("one", 11), lan.add_machine("other", 12)
    serve(one, tmp_path)
    connect = f"import socket; socket.create_connection(('{one.address}', 80), 10); print('reached')"
    client = other.start("client", [sys.executable, "-c", connect], tmp_path / "client.log")
    assert client.wait(30)
    assert client.log_end() == "reached"


def test_a_machine_that_is_cut_off_does_not_answer_until_it_is_healed(lan: Lan, tmp_path: Path) -> None:
    machine = lan.add_machine("one", 11)
    serve(machine, tmp_path)
    machine.cut()
    assert not reachable(machine.address)
    machine.heal()
    assert comes_true(lambda: reachable(machine.address))


def test_another_machine_takes_the_place_of_a_removed_one(lan: Lan, tmp_path: Path) -> None:
    machine = lan.add_machine("one", 11)
    server = serve(machine, tmp_path)
    assert reachable(machine.address)
    server.kill()
    machine.remove()
    assert not reachable(machine.address)
    serve(lan.add_machine("one", 11), tmp_path)
    assert comes_true(lambda: reachable(machine.address), 5)  # whoever knew the old one's hardware finds the new one


def test_networks_behind_a_machine_are_reached_through_it(lan: Lan, tmp_path: Path) -> None:
    """From this machine and from others."""
    router, other = lan.add_machine("router", 11), lan.add_machine("other", 12)
    serve(router, tmp_path)
    inside = router.start("ip", ["ip", "address", "add", "198.19.255.1/24", "dev", "lo"], tmp_path / "ip.log")
    assert inside.wait(30)
    lan.add_route("198.19.255.0/24", router.address)
    assert reachable("198.19.255.1")
    other.add_route("198.19.255.0/24", router.address)
    connect = "import socket; socket.create_connection(('198.19.255.1', 80), 10); print('reached')"
    client = other.start("client", [sys.executable, "-c", connect], tmp_path / "client.log")
    assert client.wait(30)
    assert client.log_end() == "reached"


def test_two_networks_stand_beside_each_other(lan: Lan, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with Lan.start(tmp_path / "second") as second:
        assert second.network != lan.network


def test_nothing_stays_when_the_owner_is_killed(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-c", OWNER, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        cable, *processes = owner.stdout.readline().split()
        assert cable in devices()
        assert all(psutil.pid_exists(int(process)) for process in processes)
        owner.kill()
    assert comes_true(lambda: cable not in devices())
    assert comes_true(lambda: not any(psutil.pid_exists(int(process)) for process in processes))


def test_without_root_it_says_so(tmp_path: Path) -> None:
    """In a user namespace without a user of ours nobody is root."""
    command: list[str | Path] = ["unshare", "--user", sys.executable, "-c", OWNER, tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "needs network namespaces, and so root: run this as root" in result.stderr


def serve(machine: Machine, folder: Path) -> Daemon:
    """Something that listens on port 80."""
    log = folder / f"{machine.name}-server.log"
    log.unlink(missing_ok=True)
    server = machine.start("server", [sys.executable, "-c", SERVER], log)
    assert comes_true(lambda: server.log_end() == "up")
    return server


def devices() -> set[str]:
    """The names of this machine's network devices."""
    return {name for _, name in socket.if_nameindex()}


def reachable(address: str) -> bool:
    try:
        socket.create_connection((address, 80), 1).close()
    except OSError:
        return False
    return True
