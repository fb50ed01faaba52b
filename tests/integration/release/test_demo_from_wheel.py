"""The demo needs nothing but the wheel: a module of its own, since it takes a minute and Debian's servers."""

import pytest

from tests.integration.release.wheel import Installed

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


def test_the_demo_passes_its_own_check(installed: Installed) -> None:
    answer = installed.run("tapwatch", "demo", "--check", "--no-grafana", timeout=600)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Every message arrived." in answer.stdout
