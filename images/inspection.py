"""What is in an image's archive, without a container runtime."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_GONE = ".wh."
"""How a layer names what it removes."""


def manifest_digest(archive: Path) -> str:
    """The image's digest, as a registry would show it."""
    with tarfile.open(archive) as tar:
        return str(json.loads(_content(tar, "index.json"))["manifests"][0]["digest"])


def read(archive: Path, path: str) -> bytes:
    """A file of the image, by its path below the root. Raises KeyError when no layer has it."""
    found = None
    for layer in _layers(archive):
        with tarfile.open(fileobj=layer) as tar:
            found = _content(tar, path) if path in tar.getnames() else found
    if found is None:
        raise KeyError(path)
    return found


def unpack(archive: Path, root: Path) -> None:
    """What a container would see, into the folder: needs root, as the files keep their owners and modes."""
    for layer in _layers(archive):
        with tarfile.open(fileobj=layer) as tar:
            tar.extraction_filter = _as_they_are
            entries = [entry for entry in tar if not _whiteout(root, entry.name)]
            tar.extractall(root, members=entries, numeric_owner=True)  # noqa: S202 - our own


def _as_they_are(entry: tarfile.TarInfo, _: str) -> tarfile.TarInfo:
    """Filter nothing. Python 3.11.2, Debian 12's, knows no filters and does so by itself."""
    return entry


def settings(archive: Path) -> dict[str, Any]:
    """The image's configuration: what it starts as whom, its labels, its history."""
    with tarfile.open(archive) as tar:
        manifest = _manifest(tar)
        configuration: dict[str, Any] = json.loads(_content(tar, _blob(manifest["config"]["digest"])))
    return configuration


def _layers(archive: Path) -> Iterator[IO[bytes]]:
    """The layers from the lowest up, each open while it is the current one."""
    with tarfile.open(archive) as tar:
        for layer in _manifest(tar)["layers"]:
            content = tar.extractfile(_blob(layer["digest"]))
            assert content is not None
            yield content


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    described = json.loads(_content(tar, "index.json"))["manifests"][0]
    manifest: dict[str, Any] = json.loads(_content(tar, _blob(described["digest"])))
    return manifest


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    """A file of the tar. Raises KeyError when there is none."""
    content = tar.extractfile(name)
    if content is None:
        raise KeyError(name)
    return content.read()


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _whiteout(root: Path, name: str) -> bool:
    """Whether the entry says that a path of the layers below is gone; it is removed then."""
    path = root / name
    if not path.name.startswith(_GONE):
        return False
    gone = path.with_name(path.name.removeprefix(_GONE))
    if gone.is_dir() and not gone.is_symlink():
        shutil.rmtree(gone)
    else:
        gone.unlink(missing_ok=True)
    return True
