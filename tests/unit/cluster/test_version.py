"""Minor releases between versions."""

import pytest

from exporters.cluster.version import minor_release, skew


@pytest.mark.parametrize(
    ("version", "minor"),
    [("v1.37.0", 37), ("v1.30.3-gke.100", 30), ("1.29+", 29), ("v1.37.0-simulated", 37), ("v2.0.0", None), ("", None)],
)
def test_the_minor_release_is_read(version: str, minor: int | None) -> None:
    assert minor_release(version) == minor


def test_the_skew_is_from_the_newest_of_some_to_the_oldest_of_others() -> None:
    assert skew({"v1.37.0", "v1.36.2"}, {"v1.37.0", "v1.36.2"}) == 1
    assert skew({"v1.37.0"}, {"v1.34.0", "v1.36.0", "unknown"}) == 3
    assert skew({"v1.36.0"}, {"v1.37.0"}) == -1
    assert skew(set(), {"v1.37.0"}) is None
    assert skew({"v1.37.0"}, set()) is None
