"""A daemon does not outlive its owner, and ends when told."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from laboratory.servers.daemon import KEPT, Daemon, free_port

OWNER = """
import sys, time
from pathlib import Path
from laboratory.servers.daemon import Daemon
print(Daemon("sleeper", ["sh", "-c", "echo up; exec sleep 60"], Path(sys.argv[1]), host_name="probe").pid, flush=True)
time.sleep(60)
"""


def test_a_daemon_dies_with_a_killed_owner(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command: list[str | Path] = [sys.executable, "-c", OWNER, log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        daemon = psutil.Process(int(owner.stdout.readline()))
        _within_five_seconds(lambda: log.read_text() == "up\n")
        owner.kill()
    _within_five_seconds(lambda: not daemon.is_running())


def test_a_daemon_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[Daemon] = []
    thread = threading.Thread(target=lambda: started.append(_sleeper(tmp_path)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert started[0].running
    started[0].kill()
    assert not started[0].running


def test_a_daemon_that_will_not_end_is_killed(tmp_path: Path) -> None:
    stubborn = Daemon("stubborn", ["sh", "-c", "trap '' TERM; echo up; sleep 60 & wait; wait"], tmp_path / "log")
    _within_five_seconds(lambda: stubborn.log_end() == "up")
    stubborn.stop(grace_seconds=0.2)
    assert not stubborn.running


def test_a_paused_daemon_ends_when_stopped(tmp_path: Path) -> None:
    daemon = _sleeper(tmp_path)
    daemon.pause()
    started = time.monotonic()
    daemon.stop(grace_seconds=5)
    assert time.monotonic() - started < 2


def test_a_kept_command_is_started_again_until_it_is_killed(tmp_path: Path) -> None:
    daemon = Daemon("kept", [*KEPT, "sh", "-c", "echo up; exec sleep 60"], tmp_path / "log")
    kept = psutil.Process(daemon.pid)
    _within_five_seconds(lambda: daemon.log_end() == "up")
    kept.children()[0].kill()
    _within_five_seconds(lambda: daemon.log_end().splitlines().count("up") == 2)
    (again,) = kept.children()
    daemon.kill()
    _within_five_seconds(lambda: not again.is_running())


def test_a_pause_stops_all_that_a_daemon_started(tmp_path: Path) -> None:
    daemon = Daemon("kept", [*KEPT, "sh", "-c", "echo up; exec sleep 60"], tmp_path / "log")
    _within_five_seconds(lambda: daemon.log_end() == "up")
    processes = [psutil.Process(daemon.pid), *psutil.Process(daemon.pid).children()]
    daemon.pause()
    assert [one.status() for one in processes] == [psutil.STATUS_STOPPED] * 2
    daemon.resume()
    _within_five_seconds(lambda: all(one.status() != psutil.STATUS_STOPPED for one in processes))
    daemon.kill()


def test_a_free_port_can_be_bound() -> None:
    port = free_port("127.0.0.2")
    with socket.create_server(("127.0.0.2", port)):
        pass


def _sleeper(folder: Path) -> Daemon:
    return Daemon("sleeper", ["sleep", "60"], folder / "log")


def _within_five_seconds(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
