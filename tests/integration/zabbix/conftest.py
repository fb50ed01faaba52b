"""One Zabbix for all tests of a session; each test uses dispensers of its own name."""

import asyncio
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from laboratory.servers.zabbix import ZABBIX_6_0, ZABBIX_7_0, Release
from laboratory.servers.zabbixstage import Stage

_LOG_LINES = 25

_FOLDERS: list[Path] = []
"""Of every Zabbix that was started: what its processes print is there."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the servers said: they run elsewhere, and their folder does not last."""
    report = yield
    if report.failed:
        for log in (log for folder in _FOLDERS for log in sorted(folder.rglob("*.log"))):
            with log.open(encoding="utf-8", errors="replace") as lines:
                report.sections.append((log.name, "".join(deque(lines, _LOG_LINES))))
    return report


def _provisioned(factory: pytest.TempPathFactory, release: Release) -> Iterator[Stage]:
    folder = factory.mktemp("zabbix")
    _FOLDERS.append(folder)
    with Stage.start(folder, release) as stage:
        status, out, err = asyncio.run(stage.provision())
        assert status == 0, f"{out}\n{err}"
        yield stage


@pytest.fixture(scope="session")
def zabbix_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Zabbix 7.0, provisioned."""
    yield from _provisioned(tmp_path_factory, ZABBIX_7_0)


@pytest.fixture(scope="session")
def old_zabbix_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Zabbix 6.0, provisioned."""
    yield from _provisioned(tmp_path_factory, ZABBIX_6_0)
