"""One control plane for all tests; whatever a test breaks is mended after it."""

from collections.abc import Iterator

import pytest

from tests.cluster.plane import HighlyAvailable


@pytest.fixture(scope="session")
def shared_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HighlyAvailable]:
    with HighlyAvailable.start(tmp_path_factory.mktemp("cluster") / "plane") as plane:
        yield plane


@pytest.fixture
def plane(shared_plane: HighlyAvailable) -> Iterator[HighlyAvailable]:
    """Whole at the start and made whole again at the end."""
    yield shared_plane
    shared_plane.mend()
