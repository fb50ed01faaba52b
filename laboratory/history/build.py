"""The history's blocks, made once and kept in the user's cache for as long as nothing that they are made of changes."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from demo.servers import locate
from exporters.dispenser import simulator
from laboratory.history import campus, clusters, processes
from laboratory.history.judged import judge, stages
from laboratory.history.openmetrics import Sample, moments, write
from laboratory.history.prometheus import make_blocks, prometheus
from laboratory.rules.shipped import RULE_FILES
from tapwatch.cache import cache_folder

UNTIL = 1_768_442_400.0
"""The end of the history that tests use: 15 January 2026, ten o'clock in Taipei."""

_ROOT = cache_folder() / "history"
_HERE = Path(__file__).parent
_RAW = [
    *(_HERE / f"{name}.py" for name in ("campus", "clusters", "openmetrics", "processes")),
    *Path(simulator.__file__).parent.glob("*.py"),
]
"""What the samples are made of."""


def blocks(until: float = UNTIL) -> Path:
    """The folder of the history's blocks, raw samples and all that the shipped rules make of them."""
    judged = [*_RAW, _HERE / "judged.py", *RULE_FILES]
    with _alone():
        raw = _kept("raw", _RAW, until, lambda folder: _simulate(folder, until))
        return _kept("judged", judged, until, lambda folder: _judge(raw, folder, until))


@contextmanager
def _alone() -> Iterator[None]:
    """Two test runs that start at once make the history once."""
    _ROOT.mkdir(parents=True, exist_ok=True)
    with (_ROOT / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _kept(name: str, sources: Iterable[Path], until: float, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled, or fills now when its sources are not those that it was made of."""
    version = subprocess.run([locate("promtool"), "--version"], capture_output=True, check=True).stdout
    content = hashlib.sha256(b"".join([version, repr(until).encode(), *(one.read_bytes() for one in sorted(sources))]))
    folder = _ROOT / f"{name}-{content.hexdigest()[:16]}"
    if not folder.is_dir():
        print(f"Making two weeks of history ({name}) ...", file=sys.stderr)  # noqa: T201 - progress
        for old in _ROOT.glob(f"{name}-*"):
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=_ROOT, prefix="part-") as scratch:
            part = Path(scratch) / "blocks"
            part.mkdir()
            make(part)
            part.rename(folder)
    return folder


def make(folder: Path, until: float) -> None:
    """Make the history anew, in a folder that is not there yet."""
    with tempfile.TemporaryDirectory() as scratch:
        _simulate(Path(scratch), until)
        _judge(Path(scratch), folder, until)


def _simulate(folder: Path, until: float) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "samples.txt"
        write(text, _rounds(until))
        make_blocks(text, folder)


def _rounds(until: float) -> Iterator[tuple[float, Iterable[Sample]]]:
    lives = campus.lives(until)
    since = next(moments(until))
    for moment in moments(until):
        for life in lives:
            life.live(since, moment, until)
        since = moment
        yield (
            moment,
            chain(
                clusters.samples(moment, until),
                processes.samples(moment, until),
                *(life.samples(moment, until) for life in lives),
            ),
        )


def _judge(raw: Path, folder: Path, until: float) -> None:
    shutil.copytree(raw, folder, dirs_exist_ok=True)
    for stage in stages():
        with tempfile.TemporaryDirectory() as scratch:
            with prometheus(Path(scratch), folder) as server:
                made = judge(stage, server, until)
            text = Path(scratch) / "judged.txt"
            write(text, sorted(made.items()))
            make_blocks(text, folder)
