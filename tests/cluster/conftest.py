"""One control plane for all tests; whatever a test breaks is mended after it."""

from collections.abc import Iterator

import pytest

from tests.cluster.plane import HighlyAvailable
from tests.cluster.watching import INTERVAL

_NOTICED = pytest.StashKey[dict[str, float]]()


@pytest.fixture(scope="session")
def shared_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HighlyAvailable]:
    with HighlyAvailable.start(tmp_path_factory.mktemp("cluster") / "plane") as plane:
        yield plane


@pytest.fixture
def plane(shared_plane: HighlyAvailable) -> Iterator[HighlyAvailable]:
    """Whole at the start and made whole again at the end."""
    yield shared_plane
    shared_plane.mend()


@pytest.fixture(scope="session")
def noticed(request: pytest.FixtureRequest) -> dict[str, float]:
    """How many seconds after it happened the exporter showed what; printed when all tests have ended."""
    return request.config.stash.setdefault(_NOTICED, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    times = config.stash.get(_NOTICED, {})
    if times:
        terminalreporter.section(f"shown by the exporter, which probes every {INTERVAL:g} s, after")
        for what, seconds in times.items():
            terminalreporter.line(f"{seconds:5.1f} s  {what}")
