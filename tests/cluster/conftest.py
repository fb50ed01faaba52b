"""Keep how soon the exporter showed what happened, and print it at the end."""

import pytest

from tests.cluster.watching import INTERVAL

_NOTICED = pytest.StashKey[dict[str, float]]()


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
