"""Keep the programs of Debian's packages in the user's cache, each package in a folder of its own.

A folder appears when it is complete, so a fetch that was killed leaves nothing that anybody would use.
"""

import errno
import platform
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from demo import debian
from demo.apt import Apt
from tapwatch.cache import cache_folder, cached, digest, tell
from tapwatch.errors import TapwatchError

_LAYOUT: Final = b"1"
"""Of the folders; another one makes all be fetched again."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FULL_WORDS: Final = ("No space left on device", "Disk quota exceeded", "enough free space")
"""How apt and dpkg say it."""

_FULL_MEGABYTES: Final = 20
"""Less than the archive of Prometheus, which is the first thing that anybody fetches."""
_ROOMY_MEGABYTES: Final = 500
"""Enough for package lists and the largest package."""

_RELEASE: Final = Path("/etc/os-release")


def unpacked(
    package: str,
    programs: Sequence[debian.Program] = (),
    finish: Callable[[Path], None] = lambda _: None,
    fault: Callable[[Path], str] = lambda _: "",
) -> Path:
    """Return the package's folder in the cache: `bin/NAME` runs a program, `root` is what was unpacked.

    It is fetched at first use, and `finish` adds to it before it appears. `fault` says what is wrong with a folder, as
    when its disk lost a part: such a folder is fetched once more. Raises TapwatchError with a sentence.
    """
    folder = _fetched(package, programs, finish)
    if not (wrong := fault(folder)):
        return folder
    tell(f"{folder} is broken ({wrong}) and is fetched again.")
    _discard(folder)
    folder = _fetched(package, programs, finish)
    if wrong := fault(folder):
        raise TapwatchError(f"Debian's package {package} does not run on this machine: {wrong}")
    return folder


def program(name: str, package: str) -> Path:
    """Return the program on PATH, else Debian's, fetched at first use. Raises TapwatchError when there is none."""
    on_path = shutil.which(name)
    return Path(on_path) if on_path else unpacked(package, [debian.Program(name)]) / "bin" / name


def _fetched(package: str, programs: Sequence[debian.Program], finish: Callable[[Path], None]) -> Path:
    def make(folder: Path) -> None:
        names = " and ".join(program.name for program in programs) or package
        tell(f"Fetching {names} (Debian's package {package}) into {cache_folder()} ...")
        debian.fetch(package, programs, folder, Apt(cache_folder() / "apt", tell))
        finish(folder)
        tell(f"  {package} is complete.")

    release = _RELEASE.read_bytes() if _RELEASE.exists() else b""  # its libraries are this release's
    key = digest([_LAYOUT, release, platform.machine().encode(), repr(programs).encode()])
    try:
        return cached(package, key, make)
    except OSError as error:
        raise TapwatchError(_of_the_disk(error)) from error
    except TapwatchError as error:
        free = _free_megabytes()
        if free < _FULL_MEGABYTES or any(words in str(error) for words in _FULL_WORDS):
            raise TapwatchError(_full()) from error
        if free < _ROOMY_MEGABYTES:  # apt hides a full disk behind other faults, and makes room again
            raise TapwatchError(
                f"{error} (only {free:.0f} MB are free for the cache folder {cache_folder()})"
            ) from error
        raise


def _of_the_disk(error: OSError) -> str:
    if error.errno in _FULL:
        return _full()
    return (
        f"the cache folder {cache_folder()} cannot be written ({error.strerror}: {error.filename}): "
        "name a folder that can, by XDG_CACHE_HOME=/some/folder"
    )


def _full() -> str:
    return (
        f"the disk of the cache folder {cache_folder()} is full ({_free_megabytes():.0f} MB are free): free some, "
        "or name a folder on another disk by XDG_CACHE_HOME=/some/folder"
    )


def _free_megabytes() -> float:
    place = next(folder for folder in (cache_folder(), *cache_folder().parents) if folder.exists())
    return shutil.disk_usage(place).free / 1e6


def _discard(folder: Path) -> None:
    """Out of the way first, so that nobody finds half of it."""
    aside = folder.with_name(f".{folder.name}.broken")
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(FileNotFoundError):  # another process has done the same
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
