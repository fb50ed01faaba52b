"""OCI images as archives: a tar with an image layout, which containerd imports and buildah pulls.

The same tree gives the same bytes: entries are sorted, owned by root and carry no time.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

_MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True)
class Process:
    """What a container of the image starts."""

    entrypoint: Sequence[str]
    user: str
    """Numeric, as UID:GID: Kubernetes proves by it that it is not root."""
    arguments: Sequence[str] = ()
    stop_signal: str = "SIGTERM"
    environment: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType(
            {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        )
    )


def full_name(name: str) -> str:
    """The name with its registry, as containerd and the kubelet know it: haproxy:2.6 is one of Docker Hub's own."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def pack(root: Path, layer: Path) -> None:
    """The folder as a layer."""
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in _tree(root):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_plain)


def write(archive: Path, name: str, layer: Path, process: Process) -> None:
    """The archive of an image with one layer."""
    with layer.open("rb") as content:
        digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": process.user,
            "Env": [f"{name}={value}" for name, value in process.environment.items()],
            "Entrypoint": list(process.entrypoint),
            "Cmd": list(process.arguments),
            "WorkingDir": "/",
            "StopSignal": process.stop_signal,
        },
        "rootfs": {"type": "layers", "diff_ids": [digest]},
        "history": [{"created_by": full_name(name)}],  # buildah wants one for each layer
    }
    config = json.dumps(settings).encode()
    layers = [{"mediaType": f"{_MEDIA}.layer.v1.tar", "digest": digest, "size": layer.stat().st_size}]
    described = {"schemaVersion": 2, "mediaType": f"{_MEDIA}.manifest.v1+json"}
    manifest = json.dumps({**described, "config": _descriptor("config", config), "layers": layers}).encode()
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(tar, "index.json", index(name, _descriptor("manifest", manifest)))
        for blob in (config, manifest):
            _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        with layer.open("rb") as content:
            entry = tarfile.TarInfo(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            entry.size = layer.stat().st_size
            tar.addfile(entry, content)


def write_programs(
    archive: Path, name: str, programs: Mapping[str, Path], process: Process, links: Mapping[str, str] | None = None
) -> None:
    """The archive of an image that holds programs, and symbolic links, by their paths inside, and nothing else."""
    with tempfile.TemporaryDirectory() as scratch:
        root, layer = Path(scratch) / "root", Path(scratch) / "layer.tar"
        for path, program in programs.items():
            shutil.copyfile(program, _place(root, path))
            (root / path[1:]).chmod(0o755)
        for path, target in (links or {}).items():
            _place(root, path).symlink_to(target)
        pack(root, layer)
        write(archive, name, layer, process)


def name_layout(layout: Path, name: str, archive: Path) -> None:
    """An image layout that another tool wrote into a folder, as an archive that carries the image's name."""
    described = json.loads((layout / "index.json").read_bytes())["manifests"][0]
    (layout / "index.json").write_bytes(index(name, described))
    pack(layout, archive)


def index(name: str, manifest: Mapping[str, object]) -> bytes:
    """An index.json of one image: containerd takes the name from the first annotation, buildah from the second."""
    annotations = {"io.containerd.image.name": full_name(name), "org.opencontainers.image.ref.name": full_name(name)}
    named = {**manifest, "annotations": annotations}
    return json.dumps({"schemaVersion": 2, "mediaType": f"{_MEDIA}.index.v1+json", "manifests": [named]}).encode()


def _descriptor(kind: str, blob: bytes) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    return {"mediaType": f"{_MEDIA}.{kind}.v1+json", "digest": digest, "size": len(blob)}


def _place(root: Path, path: str) -> Path:
    place = root / path[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _tree(root: Path) -> Iterator[Path]:
    """Everything below the folder, parents first."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        yield from (Path(folder) / name for name in sorted([*folders, *files]))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
