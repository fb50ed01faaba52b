"""Each overlay is built once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.k8s.built import OVERLAYS, Built, build, copy_manifests


@pytest.fixture(scope="session")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of overlays, in a copy that has secrets."""
    return copy_manifests(tmp_path_factory.mktemp("manifests"))


@pytest.fixture(scope="session")
def all_built(overlays: Path) -> Mapping[str, Built]:
    return {name: build(overlays, name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def built(request: pytest.FixtureRequest, all_built: Mapping[str, Built]) -> Built:
    return all_built[request.param]
