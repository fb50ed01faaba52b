"""README's first commands, word for word, as an ordinary user on minimal Debian 12 and 13.

CI types all of them on both, except `make test`, which runs whole on one and in part on the other: `NEWCOMER=whole`
in the environment runs it whole on both.
"""

import os
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from laboratory.freshroot import FreshRoot
from tests.newcomer.readme import packages, shell_blocks

pytestmark = [pytest.mark.root, pytest.mark.timeout(2400)]

(INSTALL,), COMMANDS = shell_blocks("Two commands")
WHOLE = {"bookworm"} if os.environ.get("NEWCOMER") != "whole" else {"bookworm", "trixie"}
PART = 'PYTEST_ARGS="tests/unit tests/contract/core"'
_LINES = 60
_STARTED_SECONDS = 600
"""The most that installing and starting the demo may take on a machine that does other work, too."""


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshRoot]:
    """Make a minimal Debian with what README names, and a clone of the repository in an ordinary user's home."""
    suite = str(request.param)
    root = FreshRoot.make(suite, packages(INSTALL), tmp_path_factory.mktemp(suite))
    root.clone()
    yield root
    root.remove()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_readme_shows_works_word_for_word(
    machine: FreshRoot, command: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    suite, log = request.node.callspec.params["machine"], tmp_path / "log"
    if command == "make demo":
        interrupted_once_it_shows_how_it_stands(machine, command, log)
    elif command == "make test" and suite not in WHOLE:
        assert machine.run(f"{command} {PART}", log) == 0, end_of(log)
    else:
        assert machine.run(command, log) == 0, end_of(log)
    if command == "make test":
        summary = re.findall(r"^=+ (.*) in [\d.]+s.*=+$", log.read_text(encoding="utf-8"), re.MULTILINE)[-1]
        assert re.fullmatch(r"\d+ passed", summary), f"not only passed: {summary}\n{end_of(log)}"


def interrupted_once_it_shows_how_it_stands(machine: FreshRoot, command: str, log: Path) -> None:
    """Start the demo, wait until every target is up, press Ctrl-C, and see it end as asked."""
    process = machine.start(command, log)
    try:
        wait_for(lambda: re.search(r"targets up ([1-9]\d*)/\1\b", text_of(log)) or process.poll() is not None, log)
        assert process.poll() is None, end_of(log)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in text_of(log), end_of(log)


def wait_for(condition: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + _STARTED_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {_STARTED_SECONDS} s\n{end_of(log)}"
        time.sleep(0.5)


def text_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def end_of(log: Path) -> str:
    return "\n".join(deque(text_of(log).splitlines(), _LINES))
