"""The real Zabbix of the tests: what it leaves behind, and what it says where it cannot run."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from laboratory.programs.debianroot import Packages, unpack
from laboratory.servers.confined import confined
from laboratory.servers.zabbix import ZABBIX_7_0, Zabbix, ensure
from laboratory.servers.zabbixstage import until

pytestmark = pytest.mark.root

SERVE = """
import sys, time
from pathlib import Path
from laboratory.servers.zabbix import Zabbix
with Zabbix.start(Path(sys.argv[1])) as zabbix:
    print(zabbix.server.pid, flush=True)
    time.sleep(600)
"""


def processes_in(folder: Path) -> list[psutil.Process]:
    """All that run with this folder as their session."""
    found = []
    for process in psutil.process_iter():
        try:
            mounts = Path(f"/proc/{process.pid}/mountinfo").read_text(encoding="utf-8")
        except OSError:
            continue
        if str(folder) in mounts and process.pid != os.getpid():
            found.append(process)
    return found


def test_nothing_runs_and_nothing_is_mounted_after_its_test_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE, tmp_path], stdout=subprocess.PIPE, text=True) as test:
        assert test.stdout is not None
        assert test.stdout.readline().strip().isdecimal()
        assert len(processes_in(tmp_path)) > 20
        test.send_signal(signal.SIGKILL)
    asyncio.run(until("all has ended", lambda: not processes_in(tmp_path)))
    assert str(tmp_path) not in Path("/proc/mounts").read_text(encoding="utf-8")


def test_a_server_that_was_killed_starts_again_on_its_data(tmp_path: Path) -> None:
    with Zabbix.start(tmp_path) as zabbix:
        zabbix.api("hostgroup.create", name="Kept")
        zabbix.server.kill()
        zabbix.restart_server()
        assert zabbix.api("hostgroup.get", filter={"name": "Kept"}, output=["name"])


def test_its_programs_do_not_see_the_machines_files(tmp_path: Path) -> None:
    root = ensure(ZABBIX_7_0) / "root"
    tmp_path.chmod(0o755)
    listed = subprocess.run(confined(root, tmp_path, ["ls", "/home", "/session"]), capture_output=True, check=True)
    assert listed.stdout.decode().split() == ["/home:", "/session:"]
    whoami = subprocess.run(confined(root, tmp_path, ["id", "-un"]), capture_output=True, check=True)
    assert whoami.stdout == b"nobody\n"


def test_a_package_that_debian_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no-such-package"):
        unpack(Packages("bookworm", ("no-such-package",), ()), tmp_path / "root")
