"""The demo's folder for what it needs while it runs, gone when it ends, and at the latest when the next demo starts.

Every demo holds a lock on its folder. The kernel lets go of it when the process ends, however it ends, so a folder
whose lock is free was left behind by a demo that was killed.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tapwatch.errors import TapwatchError

_LOCK = "lock"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder below `parent` that nobody else can read, after those of killed demos are removed there.

    Raises TapwatchError when there is no place for it.
    """
    try:
        place = _own_place(parent)
        with (place / _LOCK).open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # nobody sweeps between a folder's making and its locking
            _sweep(place)
            folder = Path(tempfile.mkdtemp(dir=place))
            lock = _lock_of(folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise TapwatchError(
            f"the demo has no place for its files ({error.strerror}: {error.filename}): "
            "name a folder that can be written, with space, by TMPDIR=/some/folder"
        ) from error
    with lock:
        try:
            yield folder
        finally:
            _remove(folder)


def _own_place(parent: Path) -> Path:
    """The folder of all of this user's demos; one that somebody else has put there is not entered."""
    place = parent / f"tapwatch-demo-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise TapwatchError(
            f"{place} is not a folder of yours that only you can read: remove it, or set TMPDIR=/some/folder"
        )
    return place


def _sweep(place: Path) -> None:
    for folder in place.iterdir():
        if not folder.is_dir():
            continue
        with _lock_of(folder) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # its demo runs
                continue
            _remove(folder)


def _lock_of(folder: Path) -> IO[str]:
    return (folder / _LOCK).open("w")


def _remove(folder: Path) -> None:
    """Take away the name first: a process of a killed demo that has not ended yet writes nothing more into it."""
    aside = folder.with_name(f"{folder.name}.removed")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
