"""The image of our own processes: buildah on the Containerfile, on a base made here under the public one's name.

What the build needs of this machine (Debian's mirror, pip's settings, trusted certificates) is mounted while it runs
and stays neither in the image nor in its history.
"""

import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from images import inspection, ociarchive
from images.bootstrap import (
    CERTIFICATES,
    CONTAINED,
    EPOCH,
    bootstrap,
    mirrors,
    pip_settings,
    recipe,
    require,
    run,
    sources,
)
from tapwatch.cache import cached, digest, tell
from tapwatch.errors import TapwatchError

ROOT: Final = Path(__file__).parents[1]
BASE: Final = "docker.io/library/debian:bookworm-slim"
SBOM: Final = "usr/share/sbom/tapwatch.cdx.json"

_FILES = (
    *("Containerfile", ".containerignore", "pyproject.toml", "README.md", "LICENSE"),
    *(f"requirements/{kind}.txt" for kind in ("build", "image", "run")),
    *(f"requirements/{path.name}" for path in sorted((ROOT / "requirements").glob("*.py"))),
)
_FOLDERS = ("tapwatch", "exporters", "alerting", "dashboards", "demo", "k8s", "images")
_UNCOPIED = {"__pycache__", "secrets"}
"""Folders that .containerignore leaves out."""


def own_name() -> str:
    """The image's name with the project's version as its tag."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"{project['name']}:{project['version']}"


def ensure(name: str | None = None, base: str | None = None) -> Path:
    """The folder with `image.tar`, `sbom.cdx.json` and `build.log`, built when anything of it changed.

    `base` is another image to build on, from its registry. Raises TapwatchError with the end of the build's output.
    """
    parts = (name or own_name(), base or str(base_image()))
    key = digest([*(part.encode() for part in parts), *_content(), Path(__file__).read_bytes()])
    return cached("image-tapwatch", key, lambda folder: build(folder, *parts))


def base_image() -> Path:
    """The archive of the base, bootstrapped at first use."""
    return cached("image-debian", digest([BASE.encode(), *recipe()]), _bootstrap_base) / "image.tar"


def build(folder: Path, name: str, base: str) -> None:
    """Build from nothing into the folder. `base` is an archive's path or an image's name."""
    require("buildah")
    started = time.monotonic()
    scratch = folder / "scratch"
    scratch.mkdir()
    buildah = _buildah(scratch)
    if Path(base).is_file():
        run([*buildah, "pull", "--quiet", f"oci-archive:{base}"])
        base = BASE
    options = ["--isolation=chroot", "--layers=false", "--format=oci", f"--timestamp={EPOCH}", "--pull=missing"]
    where = ["--build-arg", f"BASE={base}", "--file", str(ROOT / "Containerfile"), str(ROOT)]
    full = ociarchive.full_name(name)
    command = [*buildah, "build", *options, *_secrets(scratch), "--tag", full, *where]
    _follow(command, folder / "build.log", name)
    run([*buildah, "push", "--quiet", full, f"oci:{scratch / 'layout'}"])
    ociarchive.name_layout(scratch / "layout", name, folder / "image.tar")
    shutil.rmtree(scratch)
    (folder / "sbom.cdx.json").write_bytes(inspection.read(folder / "image.tar", SBOM))
    tell(f"{name}: built in {time.monotonic() - started:.0f} s")


def _bootstrap_base(folder: Path) -> None:
    tell(f"{BASE}: bootstrapping from Debian's packages, usually 45 s")
    layer = folder / "layer.tar"
    bootstrap(layer)
    ociarchive.write(folder / "image.tar", BASE, layer, ociarchive.Process((), "0:0"))
    layer.unlink()


def _buildah(scratch: Path) -> list[str]:
    """The command on a storage of its own, whose mounts end with it."""
    storage = [f"--root={scratch / 'storage'}", f"--runroot={scratch / 'run'}", "--storage-driver=overlay"]
    return [*CONTAINED, "buildah", *storage]


def _secrets(scratch: Path) -> list[str]:
    """What of this machine the build may see while it runs."""
    files = {"debian.sources": sources(mirrors()), "pip.conf": pip_settings()}
    for name, text in files.items():
        (scratch / name).write_text(text, encoding="utf-8")
    if CERTIFICATES.is_file():
        shutil.copy(CERTIFICATES, scratch / CERTIFICATES.name)
    seen = [scratch / name for name in (*files, CERTIFICATES.name)]
    return [part for file in seen if file.is_file() for part in ("--secret", f"id={file.name},src={file}")]


def _follow(command: list[str], log: Path, name: str) -> None:
    """Run it with its output in the log, and tell each step. Raises TapwatchError with the output's end."""
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            output.write(line)
            if "] STEP " in line:
                tell(f"{name}: {line[:100].rstrip()}")
    if process.returncode != 0:
        end = "\n".join(log.read_text(encoding="utf-8").splitlines()[-30:])
        raise TapwatchError(f"{name} was not built: buildah ended with {process.returncode} ({log})\n{end}")


def _content() -> Iterator[bytes]:
    """What the Containerfile copies, and the Containerfile."""
    folders = (path for folder in _FOLDERS for path in (ROOT / folder).rglob("*"))
    for path in sorted([*(ROOT / name for name in _FILES), *folders]):
        if path.is_file() and not _UNCOPIED & set(path.parts):
            yield str(path.relative_to(ROOT)).encode()
            yield path.read_bytes()


@click.command()
@click.option("--name", help="Name and tag; the project's when not given.")
@click.option("--base", help=f"Build on this image of a registry; else on {BASE}, made here from Debian's packages.")
@click.option("--again", is_flag=True, help="Build twice from nothing, base included, and compare the digests.")
def main(name: str | None, base: str | None, again: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Build the image of Tapwatch, and print where its archive and its SBOM are, and its digest. Needs root."""
    try:
        click.echo(_build_twice() if again else _describe(ensure(name, base)))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


def _describe(folder: Path) -> str:
    image = folder / "image.tar"
    size = image.stat().st_size / 1e6
    return f"{image}\n{folder / 'sbom.cdx.json'}\n{inspection.manifest_digest(image)}  {size:.0f} MB"


def _build_twice() -> str:
    """The digest that two builds gave. Raises TapwatchError when they differ."""
    folder = ROOT / "build" / "images"
    shutil.rmtree(folder, ignore_errors=True)
    digests = []
    for attempt in ("first", "second"):
        (folder / attempt / "base").mkdir(parents=True)
        _bootstrap_base(folder / attempt / "base")
        build(folder / attempt, own_name(), str(folder / attempt / "base" / "image.tar"))
        digests.append(inspection.manifest_digest(folder / attempt / "image.tar"))
    if len(set(digests)) != 1:
        raise TapwatchError(f"two builds differ: {' and '.join(digests)}; both are in {folder}")
    shutil.rmtree(folder)
    return f"{digests[0]}  twice"


if __name__ == "__main__":
    main()
