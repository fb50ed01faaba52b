"""Hold for every test what must hold: a pytest plugin, loaded by pyproject.toml for tests/ and laboratory/ alike."""

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from laboratory.programs.compiling import VARIABLE

if TYPE_CHECKING:
    from laboratory.kubernetes.plane import HighlyAvailable

_SHARED: Final = {
    "clusters": (
        *("laboratory/cluster", "laboratory/images", "laboratory/kubernetes"),
        "tests/cluster",
        "tests/images",
    ),
    "zabbix": ("tests/integration/zabbix",),
    "newcomers": ("tests/newcomer",),
}
"""Folders whose tests share servers that start slowly, or look at the machine as a whole."""
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


_MARKERS: Final = {
    "compiled": "needs a program that is compiled: Kubernetes, kubeconform, pint, libmodbus",
    "slow": "takes half a minute or more, alone or with its module: whole demos, every lock installed",
    "root": "needs root: namespaces, Zabbix, images, systemd, roots of Debian releases",
}
_EVERYTHING: Final = "--everything"
_LEFT_OUT: Final = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that `make test-all` uses."""
    parser.addoption(
        _EVERYTHING, action="store_true", help=f"run the tests that are marked {' or '.join(_MARKERS)} as well"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; forbid compiling where it is not asked for.

    A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if not config.getoption(_EVERYTHING):
        os.environ[VARIABLE] = "never"
    elif IN_CI and os.geteuid() != 0:
        raise pytest.UsageError("in CI nothing may be left out: run it as root")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run has no means for, and remember how much that was."""
    missing = set() if config.getoption(_EVERYTHING) else set(_MARKERS)
    if os.geteuid() != 0:
        missing.add("root")
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in missing)]
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)


def pytest_collection_finish() -> None:
    """Let the garbage collector, which looks after every module, pass over what stays to the end anyway."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that reports, when this is another one, how many tests were left out."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController, error: object) -> None:
    """Hear it: every process collects all tests, so they say the same."""
    del error
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what was left out, and how to run it."""
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        how = "sudo make test-all" if os.geteuid() != 0 else "make test-all"
        what = "root" if config.getoption(_EVERYTHING) else "compiled programs, root or patience"
        terminalreporter.line(f"{count} tests need {what} and were left out: {how}, or pytest {_EVERYTHING} as root")


class _BySharedServers(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Run the tests of a module in one process, one after the other, and so all that share servers which start slowly.

    Whole clusters look whether they leave this machine as it was, and one control plane serves several folders.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = PurePosixPath(nodeid.partition("::")[0])
        return next(
            (name for name, folders in _SHARED.items() if any(map(module.is_relative_to, folders))), str(module)
        )


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Give `pytest -n` this scheduler, which starts modules in the order of collection."""
    config.option.loadscopereorder = False
    return _BySharedServers(config, log)


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
def shared_plane(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[HighlyAvailable]":
    """Start one highly available control plane for all tests."""
    from laboratory.kubernetes.plane import HighlyAvailable  # noqa: PLC0415 - loaded where it is needed

    with HighlyAvailable.start(tmp_path_factory.mktemp("cluster") / "plane") as plane:
        yield plane


@pytest.fixture
def plane(shared_plane: "HighlyAvailable") -> "Iterator[HighlyAvailable]":
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
