"""The image of ours, built once and unpacked once for all tests."""

import os
from pathlib import Path

import pytest

from images import inspection, own
from laboratory.images.container import Container


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the build. `make test` builds beforehand, as it takes minutes."""
    return own.ensure()


@pytest.fixture(scope="session")
def root(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's files."""
    folder = tmp_path_factory.mktemp("image") / "root"
    folder.mkdir(mode=0o755)
    inspection.unpack(built / "image.tar", folder)
    for parent in folder.parents:
        if parent.is_relative_to(tmp_path_factory.getbasetemp()):
            parent.chmod(0o755)  # for a user who is not ours
    return folder


@pytest.fixture(scope="session")
def container(built: Path, root: Path) -> Container:
    """It may write nowhere but to shared memory."""
    config = inspection.settings(built / "image.tar")["config"]
    assert os.fspath(config["WorkingDir"]) == "/"
    return Container(root, config["User"], config["Env"])
