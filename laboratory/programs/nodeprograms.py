"""Programs of a Kubernetes node that are not Go's here: those on PATH, else Debian's in the user's cache."""

import platform
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from demo import debian
from tapwatch.cache import cache_folder, cached, digest, tell

_IPTABLES: Final = ("iptables", "ip6tables")
_APPLETS: Final = tuple(f"{family}{kind}" for family in _IPTABLES for kind in ("", "-save", "-restore"))
"""All of them are one program, which looks at its first argument."""
_LIBRARIES: Final = (
    "libip4tc",
    "libip6tc",
    "libmnl",
    "libnetfilter-conntrack",
    "libnfnetlink",
    "libnftnl",
    "libseccomp",
    "libxtables",
)
"""What they need and a machine without them may not have."""


def runc() -> Path:
    """The program that runs containers. Raises TapwatchError when it cannot be fetched."""
    on_path = shutil.which("runc")
    return Path(on_path) if on_path is not None else _debians("runc", ("runc",)) / "runc"


def iptables() -> Path:
    """The folder with `iptables`, `iptables-restore` and the others. Raises TapwatchError when it cannot be fetched."""
    on_path = shutil.which("iptables")
    return Path(on_path).parent if on_path is not None else _debians("iptables", _APPLETS)


def busybox() -> Path:
    """A static program that is a shell, a web server and a hundred more, for images of tests."""
    return _unpacked("busybox-static") / "bin" / "busybox"


def _debians(package: str, programs: Iterable[str]) -> Path:
    """A folder with a script for each program, which runs Debian's with Debian's libraries."""
    return _unpacked(package, programs) / "wrapped"


def _unpacked(package: str, programs: Iterable[str] = ()) -> Path:
    system = Path("/etc/os-release").read_bytes()  # its libraries are of this release
    return cached(package, digest([system]), lambda folder: _fetch(package, tuple(programs), folder)) / "root"


def _fetch(package: str, programs: tuple[str, ...], folder: Path) -> None:
    tell(f"{package}: none on PATH; fetching Debian's for {platform.machine()}")
    root = folder / "root"
    debian.unpack(package, root, cache_folder() / "apt", _LIBRARIES)
    (root / "wrapped").mkdir()
    for name in programs:
        script = root / "wrapped" / name
        script.write_text(_wrapper(name, package))
        script.chmod(0o755)


def _wrapper(name: str, package: str) -> str:
    """`root` is found from the script's own place, as its folder is renamed when it is complete."""
    program = 'usr/sbin/xtables-nft-multi" ' + name if package == "iptables" else f'usr/sbin/{name}"'
    return f"""\
#!/bin/sh
root=${{0%/wrapped/*}}
libraries=$(echo "$root"/usr/lib/*-linux-gnu*)
export LD_LIBRARY_PATH="$libraries" XTABLES_LIBDIR="$libraries/xtables"
exec "$root/{program} "$@"
"""
