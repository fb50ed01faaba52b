"""Roots of Debian 12 as layers of images, installed by mmdebstrap from the mirror that this machine uses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tapwatch.errors import TapwatchError
from tapwatch.leash import LEASH

SUITE: Final = "bookworm"
Mirrors = tuple[tuple[str, tuple[str, ...]], ...]
"""Addresses, each with the suites that are there."""
EPOCH: Final = 0
"""Unix time of everything in an image: when something was built says nothing about what it is."""

CONTAINED: Final = (
    *LEASH,
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private"),
    *("nice", "-n", "15"),
)
"""Before a command: what it mounts and starts ends with it, and with us, even by kill -9."""

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SLIM = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
"""What the slim variant of the public image leaves out."""
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
"""The authorities that this machine trusts."""
_PIP_SETTINGS: Final = ("cert", "index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_OF_THIS_MACHINE = ("etc/hostname", "etc/resolv.conf", "etc/apt/sources.list", "etc/apt/sources.list.d/*")


def recipe() -> tuple[bytes, ...]:
    """What decides how a root becomes an image: part of the key under which one is cached."""
    return tuple(Path(__file__).with_name(name).read_bytes() for name in ("bootstrap.py", "ociarchive.py"))


def require(*programs: str) -> None:
    """Raises TapwatchError when one is missing, or we are not root."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise TapwatchError(f"images are built with {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise TapwatchError("images are built as root, since their files belong to it")


def bootstrap(
    layer: Path,
    packages: Sequence[str] = (),
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    suite: str = SUITE,
) -> None:
    """Make a minimal Debian with these packages, as a tar, or as a folder where `layer` has no suffix.

    It knows no mirror. `before` and `after` are shell commands that run before and after the packages are installed;
    `$1` is the root. Raises TapwatchError.
    """
    require("mmdebstrap")
    forget = "rm -f " + " ".join(f'"$1"/{path}' for path in _OF_THIS_MACHINE)
    hooks = [
        *(f"--essential-hook={command}" for command in before),
        *(f"--customize-hook={command}" for command in (*after, forget)),
    ]
    slim = [f"--dpkgopt=path-exclude={pattern}" for pattern in _SLIM]
    options = ["--mode=root", "--variant=minbase", *(f"--include={name}" for name in packages), *slim, *hooks]
    lines = [f"deb [signed-by={_KEYRING}] {address} {name} main" for address, names in mirrors(suite) for name in names]
    run([*CONTAINED, "mmdebstrap", *options, suite, str(layer), *lines])


def mirrors(suite: str = SUITE) -> Mirrors:
    """Return where this machine has Debian and its security updates from, for any of Debian's releases.

    Raises TapwatchError when it has neither.
    """
    answer = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Identifier: Packages"])
    addresses = dict.fromkeys(line.rstrip("/") for line in answer.splitlines())
    security = [address for address in addresses if address.endswith("-security")]
    others = [address for address in addresses if address not in security]
    if not others:
        raise TapwatchError("this machine has no package lists of Debian: run apt-get update on Debian 12 or later")
    updates = tuple((address, (f"{suite}-security",)) for address in security[:1])
    return (others[0], (suite, f"{suite}-updates")), *updates


def sources(mirrors: Mirrors) -> str:
    """Apt's settings for them, as the public image has its own in debian.sources."""
    return "\n".join(
        f"Types: deb\nURIs: {address}\nSuites: {' '.join(suites)}\nComponents: main\nSigned-By: {_KEYRING}\n"
        for address, suites in mirrors
    )


def pip_settings() -> str:
    """Return how pip reaches its index here, by files and by the environment, as the text of one pip.conf."""
    listed = run([sys.executable, "-m", "pip", "config", "list"])
    pairs = (line.partition("=") for line in listed.splitlines())
    found = {name.rpartition(".")[2]: value.strip("'\"") for name, _, value in pairs}
    return "\n".join(["[global]", *(f"{name} = {found[name]}" for name in _PIP_SETTINGS if name in found), ""])


def run(command: Sequence[str]) -> str:
    """Its standard output. Raises TapwatchError with the end of its errors."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = "\n".join(result.stderr.splitlines()[-20:])
        raise TapwatchError(f"{' '.join(command)} ended with {result.returncode}\n{reason}")
    return result.stdout
