"""The main job, as a newcomer runs it."""

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from demo.scratch import scratch_folder

PATIENCE_SECONDS = 300


@asynccontextmanager
async def running_demo(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tapwatch demo`, its output to be read; ended for sure."""
    with tempfile.TemporaryDirectory() as scratch:  # where a killed demo leaves its folder
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tapwatch", "demo", "--no-grafana", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "TMPDIR": scratch},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 60)


def files_in(folder: Path) -> set[str]:
    """The names of all that is in it, at any depth."""
    return {entry.name for entry in folder.rglob("*")}


async def read_until(process: asyncio.subprocess.Process, wanted: str) -> str:
    """The output up to the line that holds `wanted`."""
    if process.stdout is None:
        raise AssertionError("the output is piped")
    text = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await process.stdout.readline()).decode():
            text += line
            if wanted in line:
                return text
    raise AssertionError(f"{wanted!r} never came:\n{text}")


def children_of(process: asyncio.subprocess.Process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS)
async def test_every_message_arrives_and_each_stage_is_timed() -> None:
    async with running_demo("--check", "--dispensers=8") as process:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
        text = out.decode()
        assert process.returncode == 0, text
    for title in ("A leak at", "replica https://127.0.0.1:"):
        assert title in text
    for stage in ("register changed", "scraped by Prometheus", "rule fires", "Alertmanager has it"):
        assert re.search(rf"\d+\.\d s  {stage}", text), text
    assert text.count("message delivered") == 4
    assert "(simulated)" in text


@pytest.mark.timeout(PATIENCE_SECONDS)
async def test_the_demo_shows_how_it_stands_and_ctrl_c_leaves_nothing_behind() -> None:
    async with running_demo("--dispensers=8") as process:
        overview = await read_until(process, "Ctrl-C stops everything")
        assert "Group chat" in overview
        standing = await read_until(process, "alerts firing")
        assert re.search(r"targets (up \d+/\d+|not scraped yet) +alerts firing \d+ .*messages delivered \d+", standing)
        children = children_of(process)
        assert len(children) >= 10
        process.send_signal(signal.SIGINT)
        await read_until(process, "Everything is stopped.")
        assert await process.wait() == 0
    assert psutil.wait_procs(children, timeout=5)[1] == []


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_SECONDS)
async def test_a_killed_demo_takes_its_processes_along_and_the_next_one_its_secrets() -> None:
    async with running_demo("--dispensers=8") as process:
        await read_until(process, "Ctrl-C stops everything")
        children = children_of(process)
        temporary = Path(psutil.Process(process.pid).environ()["TMPDIR"])
        process.kill()
        await process.wait()
        assert "robot.token" in files_in(temporary)
        with scratch_folder(temporary) as folder:  # as the next demo does, while the processes of this one still end
            assert psutil.wait_procs(children, timeout=15)[1] == []
            assert files_in(temporary) == {folder.parent.name, folder.name, "lock"}
        assert files_in(temporary) == {folder.parent.name, "lock"}


async def test_a_kubeconfig_that_is_not_there_is_told() -> None:
    async with running_demo("--kubeconfig=/no/such/file") as process:
        await read_until(process, "'/no/such/file' does not exist")
        assert await process.wait() == 2
