"""A minimal Debian as a stranger's machine: what the pages name is installed, and nothing else is known. Needs root.

A root is made once by mmdebstrap and kept; each use lays a scratch folder over it, so that it stays as it was. Nothing
stays mounted or running when a command ends, however it ends. It shares this machine's network, mirror, package index
and trusted certificates.
"""

import inspect
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from images.bootstrap import CERTIFICATES, bootstrap, mirrors, pip_settings, recipe, sources
from tapwatch.cache import cached, digest, tell
from tapwatch.errors import TapwatchError
from tapwatch.leash import LEASH

CHECKOUT: Final = Path(__file__).parents[1]
USER: Final = "newcomer"
HOME: Final = f"/home/{USER}"

_ID: Final = 1000
_PASSED_ON: Final = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("CI", "TEST_PROCESSES"),
)
_ENTER: Final = """
root=$1 below=$2 above=$3 work=$4; shift 4
mount -t overlay -o "lowerdir=$below,upperdir=$above,workdir=$work" overlay "$root" || exit 1
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" || exit 1
exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class FreshRoot:
    """One machine of a release: what commands write stays until its folder is removed."""

    below: Path
    """The release as it was installed."""
    folder: Path
    """The scratch folder over it."""

    @classmethod
    def make(cls, suite: str, packages: Sequence[str], folder: Path) -> "FreshRoot":
        """Lay `folder` over a root of the release with these packages, installed at first use in a minute.

        Raises TapwatchError.
        """
        key = digest(
            [suite.encode(), *(name.encode() for name in packages), *recipe(), inspect.getsource(_install).encode()]
        )
        below = cached(f"debian-{suite}", key, lambda made: _install(suite, packages, made / "root")) / "root"
        for name in ("root", "above", "work"):
            (folder / name).mkdir(parents=True)
        return cls(below, folder)

    @property
    def home(self) -> Path:
        """The user's home as this machine sees it, before and after commands run."""
        home = self.folder / "above" / HOME[1:]
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, _ID, _ID)
        return home

    def clone(self, name: str = "tapwatch") -> None:
        """Put a clone of this repository into the user's home, with what is changed here and not committed yet."""
        target = self.home / name
        _run(["git", "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), str(target)])
        changed = _run(["git", "-C", str(CHECKOUT), "ls-files", "-z", "--modified", "--others", "--exclude-standard"])
        for path in filter(None, changed.split("\0")):
            (target / path).unlink(missing_ok=True)
            if (CHECKOUT / path).exists():
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(CHECKOUT / path, target / path)
        _run(["chown", "--recursive", f"{_ID}:{_ID}", str(target)])

    def start(self, command: str, log: Path, folder: str = f"{HOME}/tapwatch") -> "subprocess.Popen[bytes]":
        """Start a shell command as the ordinary user in `folder`, in a process group of its own; `log` gets it all."""
        unshare = ("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation=private")
        places = (str(self.folder / "root"), str(self.below), str(self.folder / "above"), str(self.folder / "work"))
        become = ("setpriv", f"--reuid={_ID}", f"--regid={_ID}", "--clear-groups")
        shell = ("sh", "-c", 'cd "$1" && eval "$2"; exit $?', "sh", folder, command)
        inside = ("env", "-i", *self._environment(), *become, *shell)
        with log.open("ab") as output:
            return subprocess.Popen(
                [*LEASH, *unshare, "sh", "-c", _ENTER, "enter", *places, *inside],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(self, command: str, log: Path, folder: str = f"{HOME}/tapwatch") -> int:
        """Run it to its end; return the exit status."""
        return self.start(command, log, folder).wait()

    def remove(self) -> None:
        """Remove the scratch folder with all that commands wrote."""
        shutil.rmtree(self.folder)

    def _environment(self) -> list[str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        own = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": HOME, "USER": USER, "LANG": "C.UTF-8"}
        return [f"{name}={value}" for name, value in (own | passed_on).items()]


def _install(suite: str, packages: Sequence[str], root: Path) -> None:
    tell(f"Debian {suite}: installing a minimal root with {', '.join(packages)}, usually 75 s")
    account = f'chroot "$1" useradd --create-home --uid {_ID} --shell /bin/bash {USER}'
    bootstrap(root, packages, after=(account,), suite=suite)
    (root / "etc/apt/sources.list.d/debian.sources").write_text(sources(mirrors(suite)), encoding="utf-8")
    (root / "etc/pip.conf").write_text(pip_settings(), encoding="utf-8")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc", name), root / "etc" / name)
    if CERTIFICATES.is_file():
        trusted = root / CERTIFICATES.relative_to("/")
        trusted.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CERTIFICATES, trusted)


def _run(command: Sequence[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise TapwatchError(f"{command[0]} ended with {answer.returncode}: {answer.stderr.strip()}")
    return answer.stdout
