"""Container images of one layer, made of files, as archives that containerd imports (OCI image layout 1.0)."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_ARCHITECTURE: Final = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""As Go calls this machine's."""


def write_image(
    archive: Path,
    name: str,
    contents: Mapping[str, Path],
    entrypoint: Sequence[str],
    links: Mapping[str, str] | None = None,
) -> None:
    """An image of programs by their path inside, and of symbolic links; the same contents make the same bytes.

    Its name is a full one, as `docker.io/library/haproxy:2.6`.
    """
    layer = _layer(contents, links or {})
    config = {
        "architecture": _ARCHITECTURE,
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    config_bytes = _json(config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config_bytes),
            "layers": [_descriptor(_LAYER, layer)],
        }
    )
    named = _descriptor(_MANIFEST, manifest) | {
        "annotations": {"io.containerd.image.name": name},
        "platform": {"architecture": _ARCHITECTURE, "os": "linux"},
    }
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json(index))
        for blob in (layer, config_bytes, manifest):
            _add(tar, f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}", blob)


def _layer(contents: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, file in sorted(contents.items()):
            _add(tar, path.lstrip("/"), file.read_bytes(), mode=0o755)
        for path, target in sorted(links.items()):
            link = tarfile.TarInfo(path.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Root's, from the beginning of time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
