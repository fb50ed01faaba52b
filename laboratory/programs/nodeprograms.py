"""Programs of a Kubernetes node that are not Go's here: those on PATH, else Debian's in the user's cache."""

import shutil
from pathlib import Path
from typing import Final

from demo.debian import Program, find
from demo.packages import program, unpacked
from tapwatch.errors import TapwatchError

_EXTENSIONS: Final = '$(echo "$root"/usr/lib/*-linux-gnu*/xtables)'
_APPLETS: Final = tuple(
    Program(name, "xtables-nft-multi", arguments=name, environment={"XTABLES_LIBDIR": _EXTENSIONS})
    for family in ("iptables", "ip6tables")
    for name in (family, f"{family}-save", f"{family}-restore")
)
"""All of them are one program, which looks at its first argument."""


def runc() -> Path:
    """The program that runs containers. Raises TapwatchError when it cannot be fetched."""
    return program("runc", "runc")


def iptables() -> Path:
    """The folder with `iptables`, `iptables-restore` and the others. Raises TapwatchError when it cannot be fetched."""
    on_path = shutil.which("iptables")
    return Path(on_path).parent if on_path is not None else unpacked("iptables", _APPLETS) / "bin"


def busybox() -> Path:
    """A static program that is a shell, a web server and a hundred more, for images of tests."""
    executable = find(unpacked("busybox-static") / "root", "busybox")
    if executable is None:
        raise TapwatchError("Debian's package busybox-static holds no busybox")
    return executable
