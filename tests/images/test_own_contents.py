"""What the image of ours holds: what runs, all of it listed, and nothing of the machine that built it."""

import json
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

import tapwatch
from images import inspection, own

pytestmark = [pytest.mark.timeout(600), pytest.mark.compiled, pytest.mark.root]  # the first test unpacks the image

COMPILERS = re.compile(r"(gcc|g\+\+|cc|c\+\+|cpp|clang|tcc|ld|as|make|rustc|go)(-[\d.]+)?$")
INSTALLERS = re.compile(r"(pip|easy_install|uv|setuptools|wheel|ensurepip)([\d.]*|-.*)$")
UNCHECKED = 1
"""PEP 552: bytecode by its source's hash, which is never looked at."""


def files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def regular(root: Path) -> Iterator[Path]:
    return (file for file in files(root) if stat.S_ISREG(file.lstat().st_mode))


def site_packages(root: Path) -> Path:
    return next((root / "opt/tapwatch/lib").glob("python3*/site-packages"))


def test_it_says_what_it_is_and_who_runs(built: Path) -> None:
    config = inspection.settings(built / "image.tar")["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["tapwatch"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert labels["version"] == tapwatch.__version__
    assert labels["title"] == "tapwatch"
    assert labels["licenses"] == "Apache-2.0"


def test_the_user_owns_nothing(root: Path) -> None:
    assert {(file.lstat().st_uid == 65532) for file in files(root)} == {False}
    assert [
        file for file in regular(root) if file.lstat().st_mode & stat.S_IWOTH and not file.is_relative_to(root / "proc")
    ] == []


def test_no_file_gives_rights(root: Path) -> None:
    assert [file for file in regular(root) if file.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)] == []


def test_no_compiler_and_no_installer_is_inside(root: Path) -> None:
    programs = [
        file.name for folder in ("usr/bin", "usr/sbin", "opt/tapwatch/bin") for file in (root / folder).iterdir()
    ]
    assert "tapwatch" in programs
    assert [name for name in programs if COMPILERS.fullmatch(name) or INSTALLERS.fullmatch(name)] == []
    modules = [path.name for folder in root.glob("**/python3*") if folder.is_dir() for path in folder.iterdir()]
    modules += [path.name for path in site_packages(root).iterdir()]
    assert [name for name in modules if INSTALLERS.fullmatch(name)] == []


def test_neither_tests_nor_benchmarks_nor_package_lists_are_inside(root: Path) -> None:
    packages = site_packages(root)
    assert not (packages / "bench").exists()
    assert list(packages.rglob("tests/__init__.py")) == []
    assert list((root / "var/lib/apt/lists").glob("*_Packages*")) == []
    assert list(regular(root / "var/cache")) == []


def test_nothing_tells_of_the_machine_that_built_it(root: Path, built: Path) -> None:
    places = [str(own.ROOT), str(Path.home() / ".cache")]
    traces = re.compile(b"|".join(re.escape(place.encode()) for place in places))
    assert [str(file) for file in regular(root) if traces.search(file.read_bytes())] == []
    described = json.dumps(inspection.settings(built / "image.tar"))
    assert not traces.search(described.encode())
    assert not (root / "etc/pip.conf").exists()
    assert [(root / "etc" / name).read_bytes() for name in ("hostname", "hosts", "resolv.conf")] == [b""] * 3
    assert list((root / "etc/apt").glob("sources.list*/*")) == []


def test_no_private_key_and_no_password_is_inside(root: Path) -> None:
    key = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
    found = {file.name for file in regular(root) if key.search(file.read_bytes())}
    assert {name for name in found if not name.startswith("libgnutls.so.")} == set()  # it tests itself with known keys
    assert {line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines()} <= {"*", "!", "!*", "x"}
    assert [file for file in files(root) if file.match("k8s/overlays/*/secrets/*")] == []
    assert [file.name for file in files(root) if file.name in {".netrc", ".pypirc", "pip.conf", "auth.conf"}] == []


def test_the_list_of_parts_names_every_package_and_no_other(root: Path, built: Path) -> None:
    listed = json.loads((built / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    assert (root / own.SBOM).read_bytes() == (built / "sbom.cdx.json").read_bytes()
    purls = {part["purl"].partition("?")[0] for part in (*listed["components"], listed["metadata"]["component"])}
    python = {
        f"pkg:pypi/{one.name.lower().replace('_', '-')}@{one.version}"
        for one in distributions(path=[str(site_packages(root))])
    }
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    debian = {
        (name[1], version[1])
        for paragraph in status.split("\n\n")
        if "Status: install ok installed" in paragraph
        and (name := re.search(r"^Package: (\S+)", paragraph, re.MULTILINE))
        and (version := re.search(r"^Version: (\S+)", paragraph, re.MULTILINE))
    }
    assert len(python) > 60
    assert len(debian) > 80
    assert {purl for purl in purls if purl.startswith("pkg:pypi/")} == python
    assert len(purls) == len(python) + len(debian)
    assert {purl.removeprefix("pkg:deb/debian/").split("@")[0].replace("%2B", "+") for purl in purls - python} == {
        name for name, _ in debian
    }


def test_no_time_is_inside(built: Path) -> None:
    description = inspection.settings(built / "image.tar")
    assert description["created"] == "1970-01-01T00:00:00Z"
    assert "timestamp" not in json.loads((built / "sbom.cdx.json").read_text(encoding="utf-8"))["metadata"]
    times = set()
    with tarfile.open(built / "image.tar") as archive:
        for blob in archive:
            content = archive.extractfile(blob)
            if content is not None and blob.size > 1_000_000:
                with tarfile.open(fileobj=content) as layer:
                    times |= {entry.mtime for entry in layer}
    assert times == {0}


@pytest.mark.parametrize("folder", ["opt/tapwatch/lib", "usr/lib/python3.11"])
def test_every_module_has_bytecode_that_is_not_compared_with_its_source(root: Path, folder: str) -> None:
    sources = [file for file in (root / folder).rglob("*.py") if file.is_file() and not file.is_symlink()]
    assert len(sources) > 500
    for source in sources:
        bytecode = source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"
        assert int.from_bytes(bytecode.read_bytes()[4:8], "little") == UNCHECKED, source
