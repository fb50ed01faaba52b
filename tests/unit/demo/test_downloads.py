"""What a person reads while packages come."""

from collections.abc import Callable
from pathlib import Path

import pytest

from demo.apt import Downloads, Package

Write = Callable[[str, int], None]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(package: str, size: int) -> None:
        (tmp_path / f"{package}_1_all.deb").write_bytes(b"x" * size)

    return write


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def downloads(tmp_path: Path, clock: Clock, lines: list[str]) -> Downloads:
    packages = [Package("pump", 3_000_000, ()), Package("valve", 200_000, ())]
    return Downloads(packages, tmp_path, 1, lines.append, clock)


def test_each_package_is_told_once_when_it_is_complete(downloads: Downloads, write: Write, lines: list[str]) -> None:
    downloads.look()
    assert lines == []
    write("pump", 3_000_000)
    downloads.look()
    downloads.look()
    assert lines == ["  pump (2 of 3): 3.0 MB"]
    downloads.finish()
    assert lines[1:] == ["  valve (3 of 3): 0.2 MB"]


def test_the_bytes_so_far_are_told_after_two_seconds_of_silence(
    downloads: Downloads, write: Write, lines: list[str], clock: Clock
) -> None:
    write("pump", 1_500_000)
    clock.seconds = 1.9
    downloads.look()
    assert lines == []
    for clock.seconds in (2.0, 2.1, 4.0):
        downloads.look()
    assert lines == ["  pump (2 of 3): 1.5 MB of 3.0 MB"] * 2


def test_a_complete_package_ends_the_silence(
    downloads: Downloads, write: Write, lines: list[str], clock: Clock
) -> None:
    clock.seconds = 1.5
    write("valve", 200_000)
    downloads.look()
    clock.seconds = 3.0
    downloads.look()
    assert lines == ["  valve (2 of 3): 0.2 MB"]
