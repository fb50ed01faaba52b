"""The locked requirements: what a lock file says, and the same as constraints for an installer that resolves."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)\s*(?:;\s*([^\\\n]+))?", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One pin of a lock file."""

    name: str
    version: str
    marker: str
    """Where it applies, as PEP 508 has it; empty for everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed."""


def read_lock(text: str) -> list[Locked]:
    """Read the pins of a lock file, in its order."""
    starts = list(_PIN.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return [
        Locked(match[1], match[2], (match[3] or "").strip(), tuple(_HASH.findall(text, match.end(), end)))
        for match, end in zip(starts, ends, strict=True)
    ]


def constraints(lock: Iterable[Locked]) -> str:
    """Write the versions alone: pip takes neither hashes nor extras where it has other things to install as well."""
    return "".join(f"{one.name}=={one.version}{f' ; {one.marker}' if one.marker else ''}\n" for one in lock)
