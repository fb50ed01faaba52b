"""A running demo, shared by the tests of a module."""

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 180


@dataclass(frozen=True)
class RunningDemo:
    """`tapwatch demo` as a process."""

    process: subprocess.Popen[str]
    overview: str
    """What it printed until it was ready."""

    def url(self, name: str) -> str:
        """The URL that it printed under this name."""
        match = re.search(rf"^{name} +(http\S+)", self.overview, re.MULTILINE)
        assert match, self.overview
        return match[1]


@contextmanager
def started_demo(scratch: Path, *arguments: str) -> Iterator[RunningDemo]:
    """A demo that is ready, ended for sure."""
    command = [sys.executable, "-m", "tapwatch", "demo", "--no-grafana", *arguments]
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", env=environment
    )
    try:
        yield RunningDemo(process, read_overview(process))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def read_overview(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text, deadline = "", time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not waiting.select(1):
                continue
            line = process.stdout.readline()
            text += line
            if "Ctrl-C stops everything" in line:
                return text
            if not line:
                break
    raise AssertionError(f"the demo did not get ready:\n{text}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A small campus, and nobody who breaks anything but the tests."""
    with started_demo(tmp_path_factory.mktemp("demo"), "--dispensers=6", "--speed=1") as running:
        yield running
