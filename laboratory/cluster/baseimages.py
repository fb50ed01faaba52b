"""The images of what every cluster runs: the container that holds a pod's network, and the names."""

from pathlib import Path
from typing import Final

from images.ociarchive import Process, write_programs
from laboratory.cluster.containerd import PAUSE
from laboratory.programs.gotools import TOOLS, ensure
from laboratory.programs.nodeprograms import busybox
from tapwatch.cache import cached, digest

COREDNS: Final = f"registry.k8s.io/coredns/coredns:v{TOOLS['coredns'].version}"
_HOLD: Final = ("/bin/busybox", "sh", "-c", "trap '' CHLD; exec tail -f /dev/null")
"""Whatever loses its parent is not left as a zombie, where the containers of a pod share their processes."""


def base_images() -> tuple[Path, ...]:
    """Their archives, made at first use."""
    return (
        _image("pause", PAUSE, "/bin/busybox", busybox(), _HOLD),
        _image("coredns", COREDNS, "/coredns", ensure("coredns"), ("/coredns",)),
    )


def _image(name: str, reference: str, path: str, program: Path, entrypoint: tuple[str, ...]) -> Path:
    archive = f"{name}.tar"
    key = digest(part.encode() for part in (reference, path, str(program), *entrypoint))
    process = Process(entrypoint, "0:0")  # names are served at port 53
    folder = cached(
        f"image-{name}", key, lambda folder: write_programs(folder / archive, reference, {path: program}, process)
    )
    return folder / archive
