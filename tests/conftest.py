"""What holds for every test."""

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator

import pytest
import structlog

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
