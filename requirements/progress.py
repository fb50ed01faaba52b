"""How far pip is, read from what it prints."""

import re
from dataclasses import dataclass
from typing import Self

_UNITS = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_ENTRY = re.compile(r"^[A-Za-z0-9]", re.MULTILINE)
_COLLECTING = re.compile(r"Collecting (\S+?)(?:\[.*?\])?==(\S+)")
_DOWNLOADING = re.compile(r"\s+Downloading (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)")


@dataclass
class Progress:
    """What of a lock is fetched and installed."""

    name: str
    packages: int
    seen: int = 0
    fetched_bytes: float = 0
    now: str = "asking the index"
    to_write: int = 0

    @classmethod
    def of(cls, name: str, lock: str) -> Self:
        """Begin with the text of the lock."""
        return cls(name, len(_ENTRY.findall(lock)))

    def read(self, line: str) -> None:
        """Take a line of pip's output into account."""
        if line.startswith("Ignoring "):  # its marker is for another platform or Python
            self.packages -= 1
        elif match := _COLLECTING.match(line):
            self.seen += 1
            self.now = f"{match[1]} {match[2]}"
        elif line.startswith("Requirement already satisfied"):
            self.seen += 1
        elif match := _DOWNLOADING.match(line):
            self.fetched_bytes += float(match[2]) * _UNITS[match[3]]
            self.now = f"{self.now.partition(' (')[0]} ({match[2]} {match[3]})"
        elif "Retrying" in line:
            self.now = f"{self.now.partition(' (')[0]} (it does not answer; trying again)"
        elif line.startswith("Installing collected packages"):
            self.to_write = line.count(",") + 1

    def line(self, installed: int) -> str:
        """Say how far it is; `installed` is how many packages came to stand in the environment."""
        if self.to_write:
            return f"{self.name}: {installed} of {self.to_write} packages written"
        return f"{self.name}: {self.seen} of {self.packages} packages, {self._megabytes()} fetched, now {self.now}"

    def summary(self) -> str:
        """Say what it came to."""
        return f"{self.name}: {self.packages} packages are installed, {self._megabytes()} fetched"

    def _megabytes(self) -> str:
        return f"{self.fetched_bytes / 1e6:.1f} MB"
