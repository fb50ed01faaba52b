"""Build a release: wheel, source, image, what they are made of, manifests, checksums. `make release` calls it.

Two runs on one commit give the same bytes: every time is the commit's, and what is random stays out.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from images import own
from images.locked import constraints, read_lock
from images.manifests import render_overlays
from images.sbom import document, locked_components
from tapwatch.errors import ConfigError, Fault, TapwatchError
from tapwatch.process import exit_on_faults

SUMS = "SHA256SUMS"


def project_version(root: Path) -> str:
    """Read the version that pyproject.toml has."""
    return str(tomllib.loads(_text(root / "pyproject.toml"))["project"]["version"])


def release_faults(root: Path, version: str, *, allow_dirty: bool) -> Iterator[Fault]:
    """Find what stands in the way of a release of this version."""
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed and not allow_dirty:
        advice = "commit or remove it, or give --allow-dirty for a try"
        count = f", one of {len(changed)}" if len(changed) > 1 else ""
        yield Fault(changed[0][3:], None, "", f"is not as in the last commit{count}; {advice}")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", _text(root / "CHANGELOG.md"), re.MULTILINE):
        advice = f"give what is under Unreleased the heading '## {version} - YEAR-MONTH-DAY'"
        yield Fault("CHANGELOG.md", None, "", f"has no section of version {version}; {advice}")
    if f'org.opencontainers.image.version="{version}"' not in _text(root / "Containerfile"):
        yield Fault("Containerfile", None, "", f"its label org.opencontainers.image.version is not {version}")
    tagged = _git(root, "for-each-ref", "--format=%(objectname) %(*objectname)", f"refs/tags/v{version}").split()
    if tagged and _git(root, "rev-parse", "HEAD").strip() not in tagged:
        yield Fault("pyproject.toml", None, "project.version", f"v{version} is the tag of another commit; raise it")


def write_python(root: Path, folder: Path, version: str) -> None:
    """Write wheel, source, the versions that it was tested with, and the list of its parts. Raises TapwatchError."""
    epoch = _git(root, "log", "-1", "--format=%ct").strip()
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    _run(command, root, os.environ | {"SOURCE_DATE_EPOCH": epoch})
    lock = read_lock(_text(root / "requirements" / "run.txt"))
    start = f"tapwatch-{version}"
    (folder / f"{start}-constraints.txt").write_text(constraints(lock), encoding="utf-8")
    (folder / f"{start}-wheel.cdx.json").write_text(document(locked_components(lock, version)), encoding="utf-8")


def write_manifests(folder: Path, version: str, kubectl: str) -> str | None:
    """Write the rendered overlays; return why not, where there is no kubectl. Raises TapwatchError."""
    if shutil.which(kubectl) is None:
        return f"the manifests are left out, as there is no {kubectl}; --kubectl names one"
    with tempfile.TemporaryDirectory(prefix="tapwatch-release-") as scratch:
        for name, text in render_overlays(kubectl, Path(scratch)).items():
            (folder / f"tapwatch-{version}-k8s-{name}.yaml").write_text(text, encoding="utf-8")
    return None


def write_image(folder: Path, version: str) -> str | None:
    """Write the image's archive and the list of its parts; return why not, where this machine cannot build it."""
    missing = [program for program in ("buildah", "mmdebstrap") if shutil.which(program) is None]
    if os.geteuid() != 0:
        return "the image is left out, as building it needs root: run `make release` as root to have it"
    if missing:
        return f"the image is left out, as there is no {' and no '.join(missing)}: apt-get install {' '.join(missing)}"
    built = own.ensure()
    shutil.copyfile(built / "image.tar", folder / f"tapwatch-{version}-image.oci.tar")
    shutil.copyfile(built / "sbom.cdx.json", folder / f"tapwatch-{version}-image.cdx.json")
    return None


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of each file in the folder, as `sha256sum --check` reads it."""
    names = sorted(path.name for path in folder.iterdir())
    lines = [f"{_digest(folder / name)}  {name}\n" for name in names]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


@click.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=own.ROOT / "dist", help="Where to.")
@click.option("--allow-dirty", is_flag=True, help="Take changes along that no commit has, for a try.")
@click.option("--image/--no-image", default=True, show_default=True, help="Build the image, which needs root.")
@click.option("--kubectl", default="kubectl", show_default=True, help="The kubectl that renders the manifests.")
@exit_on_faults
def main(output: Path, kubectl: str, *, allow_dirty: bool, image: bool) -> None:
    """Build a release of the version in pyproject.toml, and print what was made and what was left out."""
    if output.exists() and any(output.iterdir()) and not (output / SUMS).is_file():
        raise TapwatchError(f"{output} holds something else than a release; empty it, or give another --output")
    version = project_version(own.ROOT)
    faults = list(release_faults(own.ROOT, version, allow_dirty=allow_dirty))
    if faults:
        raise ConfigError(faults)
    parts: list[Callable[[Path], str | None]] = [
        lambda folder: write_python(own.ROOT, folder, version),
        lambda folder: write_manifests(folder, version, kubectl),
        lambda folder: write_image(folder, version) if image else "the image is left out, as you asked for",
    ]
    left_out = _build(output.absolute(), parts)
    for path in sorted(output.iterdir()):
        click.echo(f"{path.stat().st_size / 1e6:9.3f} MB  {path}")
    for sentence in left_out:
        click.echo(f"{sentence[0].upper()}{sentence[1:]}.")


def _build(output: Path, parts: list[Callable[[Path], str | None]]) -> list[str]:
    """Fill a folder beside the output, and put it in its place when all of it is there; return what is not."""
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    left_out = [sentence for part in parts if (sentence := part(partial)) is not None]
    write_sums(partial)
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)
    return left_out


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _git(root: Path, *words: str) -> str:
    return _run(["git", *words], root)


def _run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise TapwatchError(f"{' '.join(command)} failed: {(answer.stderr or answer.stdout).strip()}")
    return answer.stdout


if __name__ == "__main__":
    main()
