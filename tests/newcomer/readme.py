"""README.md as a newcomer reads it: which packages to install, and which commands to type."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "README.md"


def shell_blocks(heading: str) -> list[list[str]]:
    """Return the commands of each shell block under a heading of second order, without comments.

    Raises AssertionError when the page has no such heading or no block there.
    """
    sections = re.split(r"^## ", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    section = next((text for text in sections if text.startswith(f"{heading}\n")), None)
    assert section is not None, f"README.md has no section {heading!r}"
    blocks = re.findall(r"^```sh\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert blocks, f"README.md's section {heading!r} shows no commands"
    return [
        [command for line in block.splitlines() if (command := line.partition(" #")[0].strip())] for block in blocks
    ]


def packages(install: str) -> list[str]:
    """Return what an `apt-get install` line installs."""
    match = re.fullmatch(r"(?:sudo )?apt-get install ([a-z0-9 .+-]+)", install)
    assert match is not None, f"{install!r} is not apt-get install and names"
    return match[1].split()
