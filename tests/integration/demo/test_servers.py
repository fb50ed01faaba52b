"""Prometheus and Alertmanager as the demo gets them."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import get_args

import psutil
import pytest

from demo.child import Child
from demo.servers import Program, locate
from tapwatch.cache import tools_folder
from tapwatch.errors import TapwatchError
from tapwatch.web import free_port


@pytest.mark.parametrize("program", get_args(Program))
def test_every_program_is_had_and_runs(program: Program) -> None:
    answer = subprocess.run([locate(program), "--version"], capture_output=True, text=True, check=True)
    assert "version" in answer.stdout + answer.stderr


async def test_both_servers_start_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yaml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", "utf-8")
    (tmp_path / "prometheus.yaml").write_text("scrape_configs: []\n", "utf-8")
    for command, port in (
        (
            (locate("alertmanager"), "--cluster.listen-address=", f"--storage.path={tmp_path}/am"),
            free_port(),
        ),
        ((locate("prometheus"), f"--storage.tsdb.path={tmp_path}/prom"), free_port()),
    ):
        name = command[0].name
        config = f"--config.file={tmp_path}/{name}.yaml"
        listen = f"--web.listen-address=127.0.0.1:{port}"
        child = await Child.start(name, [*command, config, listen], tmp_path / f"{name}.log")
        try:
            await child.wait_ready(f"http://127.0.0.1:{port}/-/ready", 30)
        finally:
            await child.stop()
        assert not child.running


@pytest.mark.parametrize("allowed", [True, False], ids=["as it is allowed", "without namespaces"])
async def test_alertmanager_finds_its_templates_with_a_namespace_of_its_own_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, allowed: bool
) -> None:
    if not allowed:
        refusing = tmp_path / "unshare"
        refusing.write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n", "utf-8")
        refusing.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "am.yaml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", "utf-8")
    port = free_port()
    options = (f"--storage.path={tmp_path}/am", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    command: list[str | Path] = [locate("alertmanager"), f"--config.file={tmp_path}/am.yaml", *options]
    child = await Child.start("alertmanager", command, tmp_path / "log")
    try:
        await child.wait_ready(f"http://127.0.0.1:{port}/-/ready", 30)
        runs = Path(psutil.Process(child.pid).exe()).name
    finally:
        await child.stop()
    if locate("alertmanager").parent.parent.parent == tools_folder():
        assert runs == ("prometheus-alertmanager" if allowed and namespaces_are_allowed() else "alertmanager.renamed")


def namespaces_are_allowed() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/usr/share"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_program_for_another_machine_is_told_and_another_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "prometheus"
    foreign.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
    foreign.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert locate("prometheus") != foreign
    told = capsys.readouterr().err
    assert f"{foreign} --version does not answer as prometheus does: Exec format error; " in told
    assert "is taken" in told


def test_a_program_that_is_too_old_is_told_and_another_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = an_old_prometheus(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert locate("prometheus") != old
    told = capsys.readouterr().err
    assert f"{old} is version 2.31, and 2.42 is needed; " in told
    assert "is taken" in told


def test_a_program_that_is_too_old_is_told_where_no_other_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = an_old_prometheus(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(
        TapwatchError, match=rf"{old} is version 2\.31, and 2\.42 is needed; .*; or put prometheus .*2\.42"
    ):
        locate("prometheus")


def an_old_prometheus(folder: Path) -> Path:
    program = folder / "prometheus"
    program.write_text("#!/bin/sh\necho 'prometheus, version 2.31.2 (branch: HEAD)'\n", "utf-8")
    program.chmod(0o755)
    return program


def test_a_system_without_apt_is_told_what_to_put_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(
        TapwatchError, match=r"this system has no apt-get.*; or put prometheus and promtool 2\.42 or later on PATH"
    ):
        locate("prometheus")


async def test_a_child_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = await Child.start("broken", ["/bin/sh", "-c", "echo no such file; exit 3"], tmp_path / "log")
    with pytest.raises(TapwatchError, match=r"broken ended with status 3\n  no such file"):
        await child.wait_ready("http://127.0.0.1:1/", 10)
    await child.stop()


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    child = await Child.start("deaf", ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], tmp_path / "log")
    await asyncio.sleep(0.2)
    await child.stop(grace=0.3)
    assert not child.running
