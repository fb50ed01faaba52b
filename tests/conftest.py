"""What holds for every test."""

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

_LABORATORIES = PurePosixPath("tests/cluster")
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """The tests of a folder run in one process, one after the other, as they share servers.

    And all of `tests/cluster`, whose laboratories look whether they leave this machine as it was.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = PurePosixPath(nodeid.partition("::")[0]).parent
        return str(_LABORATORIES if folder.is_relative_to(_LABORATORIES) else folder)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """For `pytest -n`, in the order of collection: what takes long comes first."""
    config.option.loadscopereorder = False
    return _ByFolder(config, log)


@pytest.fixture(autouse=True, scope="module")
def _nothing_left_open() -> Iterator[None]:
    """What a module leaves open fails there, not in whichever later test Python happens to tidy up."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """What a test configures is not the next one's, whose output goes elsewhere."""
    handlers, was_configured = list(logging.root.handlers), structlog.is_configured()
    yield
    for handler in set(logging.root.handlers) - set(handlers):
        logging.root.removeHandler(handler)
    if not was_configured:
        structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test in CI is a failed one: what runs nowhere protects nobody."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
