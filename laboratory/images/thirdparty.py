"""Images of others under their public names: programs built from their modules, and servers from Debian's packages."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import certifi

from images.bootstrap import bootstrap, recipe
from images.ociarchive import Process, pack, write
from laboratory.programs.gotools import TOOLS, ensure
from tapwatch.cache import cached, digest, tell

_NOBODY: Final = "65534:65534"
_PASSWD: Final = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
_GROUP: Final = "root:x:0:\nnobody:x:65534:\n"


@dataclass(frozen=True)
class ProgramImage:
    """A static program of `laboratory/programs/go` on an otherwise empty root."""

    name: str
    tool: str
    path: str
    """Where the public image has the program."""
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Other paths that its users know it by."""
    entrypoint: Sequence[str] = ()
    """The program alone when empty."""

    @property
    def key(self) -> str:
        """Changes with the program, its place and how images are written."""
        texts = (self.name, TOOLS[self.tool].key, self.path, *self.entrypoint, *self.links, *self.links.values())
        return digest([*(text.encode() for text in texts), Path(certifi.where()).read_bytes(), *recipe()])

    def make(self, folder: Path) -> None:
        """Write `image.tar`."""
        program, root, layer = ensure(self.tool), folder / "root", folder / "layer.tar"
        files = {self.path: program, "/etc/ssl/certs/ca-certificates.crt": Path(certifi.where())}
        for path, source in files.items():
            place = root / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            place.chmod(0o755 if source == program else 0o644)
        for path, target in self.links.items():
            (root / path[1:]).symlink_to(target)
        (root / "etc" / "passwd").write_text(_PASSWD, encoding="utf-8")
        (root / "etc" / "group").write_text(_GROUP, encoding="utf-8")
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        pack(root, layer)
        write(folder / "image.tar", self.name, layer, Process(self.entrypoint or (self.path,), _NOBODY))
        shutil.rmtree(root)
        layer.unlink()


@dataclass(frozen=True)
class DebianImage:
    """A server of Debian 12 with what it depends on."""

    name: str
    packages: Sequence[str]
    process: Process
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    """Shell commands around the installation; `$1` is the root."""

    @property
    def key(self) -> str:
        """Changes with what is installed and how; a newer build of a package comes when the cache is cleared."""
        texts = (self.name, *self.packages, repr(self.process), *self.before, *self.after)
        return digest([*(text.encode() for text in texts), *recipe()])

    def make(self, folder: Path) -> None:
        """Write `image.tar`."""
        layer = folder / "layer.tar"
        bootstrap(layer, self.packages, self.before, self.after)
        write(folder / "image.tar", self.name, layer, self.process)
        layer.unlink()


HAPROXY: Final = DebianImage(
    "haproxy:2.6",
    ("haproxy",),
    # The public image's script adds these when it is given options alone; Kubernetes' manifests do that.
    Process(("haproxy", "-W", "-db"), "99:99", ("-f", "/usr/local/etc/haproxy/haproxy.cfg"), "SIGUSR1"),
    after=('mkdir -p "$1/usr/local/etc/haproxy"',),
)

_POSTGRESQL: Final = "/usr/lib/postgresql/15/bin"
POSTGRESQL: Final = DebianImage(
    "ghcr.io/cloudnative-pg/postgresql:15",
    ("postgresql-15", "locales"),
    # What CloudNativePG asks of an image: user 26, the programs on PATH, locales; its own manager is the entry point.
    Process(
        (),
        "26:26",
        environment=MappingProxyType({"PATH": f"{_POSTGRESQL}:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "en_US.UTF-8"}),
    ),
    before=(
        'mkdir -p "$1/etc/postgresql-common"',
        'echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"',
        'sed -i s/^tape:.*/tape:x:126:/ "$1/etc/group"',
        'echo "postgres:x:26:" >> "$1/etc/group"',
        'echo "postgres:x:26:26:PostgreSQL:/var/lib/postgresql:/bin/bash" >> "$1/etc/passwd"',
    ),
    after=(
        'chroot "$1" localedef -i en_US -f UTF-8 en_US.UTF-8',
        'chroot "$1" localedef -i zh_TW -f UTF-8 zh_TW.UTF-8',
    ),
)

_ARCHITECTURE: Final = "amd64"

IMAGES: Final = {
    image.name: image
    for image in (
        HAPROXY,
        ProgramImage("quay.io/prometheus/prometheus:v3.15.0", "prometheus", "/bin/prometheus"),
        ProgramImage("quay.io/prometheus/alertmanager:v0.34.2", "alertmanager", "/bin/alertmanager"),
        ProgramImage("quay.io/prometheus-operator/prometheus-operator:v0.89.0", "prometheus-operator", "/bin/operator"),
        ProgramImage(
            "quay.io/prometheus-operator/prometheus-config-reloader:v0.89.0",
            "prometheus-config-reloader",
            "/bin/prometheus-config-reloader",
        ),
        ProgramImage(
            "ghcr.io/cloudnative-pg/cloudnative-pg:1.28.0",
            "cloudnative-pg",
            f"/operator/manager_{_ARCHITECTURE}",  # where it looks for what it copies into its pods
            links=MappingProxyType({"/manager": f"operator/manager_{_ARCHITECTURE}"}),
            entrypoint=("/manager",),
        ),
        POSTGRESQL,
        ProgramImage(
            "ghcr.io/kedacore/keda:2.20.0",
            "keda",
            "/keda",
            entrypoint=("/keda", "--zap-log-level=info", "--zap-encoder=console"),
        ),
        ProgramImage(
            "ghcr.io/kedacore/keda-metrics-apiserver:2.20.0",
            "keda-metrics-apiserver",
            "/keda-adapter",
            entrypoint=("/keda-adapter", "--secure-port=6443", "--zap-log-level=info", "--zap-encoder=console"),
        ),
    )
}


def ensure_image(name: str) -> Path:
    """The archive of one of IMAGES, made at first use. Raises TapwatchError with the reason when it cannot be."""
    image = IMAGES[name]
    return cached(f"image-{short_name(name)}", image.key, lambda folder: _make(image, folder)) / "image.tar"


def short_name(name: str) -> str:
    """`prometheus` for quay.io/prometheus/prometheus:v3.15.0."""
    return name.rpartition("/")[2].partition(":")[0]


def _make(image: ProgramImage | DebianImage, folder: Path) -> None:
    tell(f"{image.name}: making the image")
    image.make(folder)
