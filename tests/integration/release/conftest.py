"""The wheel is built and installed once."""

import pytest

from tests.integration.release.wheel import Installed, install


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Some 50 s when pip has the requirements in its cache."""
    return install(tmp_path_factory.mktemp("release"))
