"""The lock files, read."""

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "requirements"
LOCKS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.txt"))
"""Every lock file, as a path from `requirements/`."""


def entries(lock: str) -> list[Requirement]:
    """The entries of a lock file's text, without hashes."""
    return [Requirement(line.rstrip(" \\")) for line in lock.splitlines() if re.match(r"\w", line)]


def pinned(entry: Requirement) -> tuple[str, str]:
    """An entry's name as indexes spell it, and its version."""
    (specifier,) = entry.specifier
    assert specifier.operator == "=="
    return canonicalize_name(entry.name), specifier.version


def for_here(lock: str) -> dict[str, str]:
    """Names and versions of the entries whose markers hold for this Python on this machine."""
    return dict(pinned(entry) for entry in entries(lock) if entry.marker is None or entry.marker.evaluate())


def rehash(lock: str, digests: dict[tuple[str, str], str]) -> str:
    """The lock with the hash of another file for each entry, and nothing else changed."""
    lines = []
    for line in lock.splitlines():
        if re.match(r"\w", line):
            (entry,) = entries(line)
            lines += [line.rstrip("\\") + "\\", f"    --hash=sha256:{digests[pinned(entry)]}"]
    return "\n".join([*lines, ""])
