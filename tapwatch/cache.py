"""Keep in the user's cache what can be had again: fetched programs, built tools, images.

Removing the cache folder removes all of it.
"""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tapwatch.errors import TapwatchError


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/tapwatch`, else `~/.cache/tapwatch`: everything that was fetched or made is in it.

    Raises TapwatchError when the user has no home.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tapwatch"
    except RuntimeError as error:  # no HOME, and a user whom the system does not know
        raise TapwatchError("this user has no home for a cache folder: name one by XDG_CACHE_HOME=/folder") from error


def tools_folder() -> Path:
    """Return the folder of all that `cached` made."""
    return cache_folder() / "tools"


def digest(parts: Iterable[bytes]) -> str:
    """A name for exactly these parts in this order."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())  # each part by itself, so that bytes cannot move between parts
    return total.hexdigest()[:16]


def cached(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder NAME-KEY of the cache; `make` fills it at first use.

    Other processes see the folder only when it is complete, and of several that ask at once one makes it. When `make`
    raises, what it wrote stays in `.NAME-KEY.partial` for a look, until the next try.
    """
    folder = tools_folder() / f"{name}-{key}"
    if folder.is_dir():
        return folder
    partial, lock = (folder.with_name(f".{folder.name}.{part}") for part in ("partial", "lock"))
    lock.parent.mkdir(parents=True, exist_ok=True)
    with held(lock, name):
        if not folder.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


def tell(text: str, *, end: str = "\n") -> None:
    """Progress for a person: on standard error, at once."""
    print(text, end=end, file=sys.stderr, flush=True)  # noqa: T201 - progress


@contextmanager
def held(lock: Path, name: str) -> Iterator[None]:
    """Hold a lock on a file while the context lasts; a person is told when that means waiting."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell(f"{name}: another process is making it; waiting for that")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
