"""A package archive made by a test, and an apt that knows no other."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SCRIPT = "#!/bin/sh\necho {}\n"


class Archive:
    """Debian's format: archives, and an index beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.publish()

    def add(self, name: str, files: Mapping[str, str | bytes | Path], depends: str = "", version: str = "1") -> None:
        """A package in place of earlier versions; text becomes a program that prints it, a path a link to there."""
        tree = self.folder / "tree"
        for place, content in files.items():
            file = tree / place
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                file.symlink_to(content)
                continue
            file.write_bytes(content if isinstance(content, bytes) else _SCRIPT.format(content).encode())
            file.chmod(0o755)
        control = tree / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        needs = f"Depends: {depends}\n" if depends else ""
        control.write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n"
            f"{needs}Description: a\n"
        )
        for old in self.folder.glob(f"{name}_*.deb"):
            old.unlink()
        _run("dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, self.folder / f"{name}_{version}_all.deb")
        shutil.rmtree(tree)
        self.publish()

    def publish(self) -> None:
        """Write the index."""
        records = []
        for file in sorted(self.folder.glob("*.deb")):
            content = file.read_bytes()
            fields = _run("dpkg-deb", "--field", file).strip()
            digest = hashlib.sha256(content).hexdigest()
            records.append(f"{fields}\nFilename: ./{file.name}\nSize: {len(content)}\nSHA256: {digest}\n")
        (self.folder / "Packages").write_text("\n".join(records))


def apt_settings(folder: Path, address: str) -> Path:
    """The file to name by APT_CONFIG: one source, and package lists of the system's that nobody has fetched yet."""
    sources, lists = folder / "sources.list", folder / "system-lists"
    (lists / "partial").mkdir(parents=True)
    sources.write_text(f"deb [trusted=yes] {address} ./\n")
    settings = folder / "apt.conf"
    settings.write_text(
        f'Dir::Etc::SourceList "{sources}";\nDir::Etc::SourceParts "/dev/null";\nDir::State::Lists "{lists}";\n'
        f'Dir::Etc::PreferencesParts "/dev/null";\n'
    )
    return settings


def _run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
