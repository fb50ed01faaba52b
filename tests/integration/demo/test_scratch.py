"""The demo's folder: nobody else's, and gone with the demo, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.scratch import scratch_folder
from tapwatch.errors import TapwatchError

HOLDER = """
import sys, time
from pathlib import Path
from demo.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "robot.token").write_text("secret")
    print(folder, flush=True)
    time.sleep(600)
"""


Hold = Callable[[Path], tuple["subprocess.Popen[str]", Path]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Starts another process that holds a folder; it and the folder. None outlives the test."""
    with ExitStack() as stack:

        def hold(parent: Path) -> tuple["subprocess.Popen[str]", Path]:
            command = [sys.executable, "-c", HOLDER, str(parent)]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return process, Path(process.stdout.readline().strip())

        yield hold


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    process.send_signal(number)
    process.wait()


def test_what_a_killed_demo_leaves_is_removed_by_the_next_and_a_running_ones_is_not(tmp_path: Path, hold: Hold) -> None:
    killed, left = hold(tmp_path)
    running, kept = hold(tmp_path)
    end(killed, signal.SIGKILL)
    assert (left / "robot.token").exists()
    with scratch_folder(tmp_path) as folder:
        assert sorted(entry.name for entry in folder.parent.iterdir() if entry.is_dir()) == sorted(
            (folder.name, kept.name)
        )
        assert (kept / "robot.token").exists()
    end(running, signal.SIGINT)
    assert not kept.exists()


def test_a_folder_half_removed_is_removed_too(tmp_path: Path, hold: Hold) -> None:
    killed, left = hold(tmp_path)
    end(killed, signal.SIGKILL)
    left.rename(left.with_name(f"{left.name}.removed"))
    with scratch_folder(tmp_path) as folder:
        assert [entry for entry in folder.parent.iterdir() if entry.is_dir()] == [folder]


def test_nobody_else_can_look_into_it_and_it_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert not folder.exists()


@pytest.mark.parametrize("make", ["link", "readable by others"])
def test_a_place_that_somebody_else_may_have_prepared_is_refused(tmp_path: Path, make: str) -> None:
    place = tmp_path / f"tapwatch-demo-{os.getuid()}"
    if make == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o755)
    with pytest.raises(TapwatchError, match="remove it, or set TMPDIR="), scratch_folder(tmp_path):
        pass


def test_no_place_at_all_is_told_with_the_way_out(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(TapwatchError, match=r"no place for its files \(No such.*TMPDIR="), scratch_folder(missing):
        pass
