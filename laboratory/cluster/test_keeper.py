"""A cluster is kept in the background until it is told to end, and what one left behind is removed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from images.ociarchive import Process, write_programs
from laboratory.cluster.keeper import Keeper
from laboratory.programs.nodeprograms import busybox
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

pytestmark = [pytest.mark.compiled, pytest.mark.root]

KEEPS = """
import signal, sys
from pathlib import Path
from laboratory.cluster.keeper import Keeper
keeper = Keeper(Path(sys.argv[1]))
with keeper.keeping():
    print("working", flush=True)
    keeper.describe("it is here")
    signal.pause()
"""
DEAF = """
import signal, sys
from pathlib import Path
from laboratory.cluster.keeper import Keeper
from laboratory.servers.daemon import Daemon
keeper = Keeper(Path(sys.argv[1]))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with keeper.keeping():
    sleeper = Daemon("sleeper", ["sleep", "600"], keeper.folder / "sleeper.log")
    keeper.describe("it hears nothing")
    signal.pause()
"""
KINDS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: beds.tapwatch.example}
spec:
  group: tapwatch.example
  names: {kind: Bed, plural: beds}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
BEDS = """
apiVersion: v1
kind: Namespace
metadata: {name: beds}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleeper, namespace: beds}
spec:
  selector: {matchLabels: {app: sleeper}}
  template:
    metadata: {labels: {app: sleeper}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: sleeper, image: "sleeper:1"}]}
---
apiVersion: tapwatch.example/v1
kind: Bed
metadata: {name: upper, namespace: beds}
---
apiVersion: v1
kind: Service
metadata: {name: sleeper, namespace: beds}
spec: {type: NodePort, selector: {app: sleeper}, ports: [{port: 80}]}
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path / "cluster")
    yield keeper
    keeper.end()


def test_it_goes_on_after_its_description_was_printed(keeper: Keeper, capfd: pytest.CaptureFixture[str]) -> None:
    assert keeper.start(keeping(keeper)) == "it is here"
    assert "working" in capfd.readouterr().err
    assert keeper.description == "it is here"
    assert keeper.pid is not None


def test_a_second_one_is_refused(keeper: Keeper) -> None:
    keeper.start(keeping(keeper))
    with pytest.raises(TapwatchError, match=rf"up already, kept by process {keeper.pid}: `make cluster-down` ends it"):
        keeper.start(keeping(keeper))
    assert keeper.description == "it is here"


def test_one_that_does_not_come_up_says_why(keeper: Keeper, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TapwatchError, match=f"did not come up; all that was said is in {keeper.log}"):
        keeper.start([sys.executable, "-c", "raise SystemExit('no etcd')"])
    assert "no etcd" in capfd.readouterr().err
    assert keeper.pid is None


def test_it_ends_with_its_files(keeper: Keeper) -> None:
    keeper.start(keeping(keeper))
    pid = keeper.pid
    assert keeper.end()
    assert pid is not None
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not keeper.folder.exists()
    assert not keeper.end()


def test_one_that_does_not_end_is_killed_with_what_it_started(keeper: Keeper) -> None:
    keeper.start([sys.executable, "-c", DEAF, str(keeper.folder)])
    assert keeper.pid is not None
    (sleeper,) = psutil.Process(keeper.pid).children()
    assert replace(keeper, end_seconds=1).end()
    assert not sleeper.is_running()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.touch()
    keeper = Keeper(tmp_path)
    for touch in (keeper.end, lambda: keeper.start(keeping(keeper))):
        with pytest.raises(TapwatchError, match=f"{tmp_path} is no cluster's folder: name one that does not exist"):
            touch()
    assert list(tmp_path.iterdir()) == [letter]


def test_one_that_was_killed_is_not_there(keeper: Keeper) -> None:
    keeper.start(keeping(keeper))
    assert keeper.pid is not None
    os.kill(keeper.pid, signal.SIGKILL)
    assert comes_true(lambda: keeper.pid is None)
    assert keeper.description is None
    assert keeper.start(keeping(keeper)) == "it is here"


@pytest.mark.timeout(600)
def test_the_command_keeps_a_cluster_with_what_it_is_given(tmp_path: Path) -> None:
    folder, image = tmp_path / "cluster", tmp_path / "sleeper.tar"
    sleeping = Process(("/bin/busybox", "tail", "-f", "/dev/null"), "0:0")
    write_programs(image, "sleeper:1", {"/bin/busybox": busybox()}, sleeping)
    overlays = [write_overlay(tmp_path / name, content) for name, content in {"kinds": KINDS, "beds": BEDS}.items()]
    try:
        printed = command(folder, "up", "--tuned", "--bare", f"--image={image}", *overlays)
        assert "sleeper.tar: on every worker after" in printed.stderr
        assert "beds: all is rolled out" in printed.stderr
        assert "beds/sleeper port 80: http://198.18." in printed.stdout
        kubectl = next(line for line in printed.stdout.splitlines() if line.startswith("try")).split()[1:]
        pods = subprocess.run(kubectl, capture_output=True, text=True, check=True).stdout
        assert pods.count("coredns") == 2
        assert command(folder, "status").stdout == printed.stdout
    finally:
        assert command(folder, "down").stdout == "The cluster is down; nothing of it is left.\n"
    assert not folder.exists()
    assert "no cluster is up" in command(folder, "status", status=1).stderr


def test_without_root_the_command_says_so(tmp_path: Path) -> None:
    """In a user namespace without a user of ours nobody is root."""
    printed = command(tmp_path / "cluster", "up", status=1, before=("unshare", "--user"))
    assert printed.stderr == ("Error: a network of machines needs network namespaces, and so root: run this as root\n")


def write_overlay(folder: Path, content: str) -> str:
    """The option that has it applied."""
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    (folder / "objects.yaml").write_text(content)
    return f"--overlay={folder}"


def keeping(keeper: Keeper) -> list[str]:
    return [sys.executable, "-c", KEEPS, str(keeper.folder)]


def command(
    folder: Path, *arguments: str, status: int = 0, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """`python -m laboratory.cluster cluster`, which ends as expected."""
    line = [*before, sys.executable, "-m", "laboratory.cluster", "cluster", f"--folder={folder}", *arguments]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert result.returncode == status, result.stderr
    return result
