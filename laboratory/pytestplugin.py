"""Hold for every test what must hold: a pytest plugin, loaded by pyproject.toml for tests/ and laboratory/ alike."""

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

from laboratory.kubernetes.plane import HighlyAvailable

_ONE_AFTER_THE_OTHER = [
    PurePosixPath(folder)
    for folder in ("laboratory/cluster", "laboratory/images", "laboratory/kubernetes", "tests/cluster", "tests/images")
]
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Run the tests of a folder in one process, one after the other, as they share servers.

    Whole clusters share one, too: they look whether they leave this machine as it was, and one control plane serves
    several folders.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = PurePosixPath(nodeid.partition("::")[0]).parent
        whole = any(folder.is_relative_to(one) for one in _ONE_AFTER_THE_OTHER)
        return "clusters" if whole else str(folder)


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


@pytest.fixture(scope="session")
def shared_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HighlyAvailable]:
    """Start one highly available control plane for all tests."""
    with HighlyAvailable.start(tmp_path_factory.mktemp("cluster") / "plane") as plane:
        yield plane


@pytest.fixture
def plane(shared_plane: HighlyAvailable) -> Iterator[HighlyAvailable]:
    """Lend the control plane, whole at the start and made whole again at the end."""
    yield shared_plane
    shared_plane.mend()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test in CI is a failed one: what runs nowhere protects nobody."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report
