"""Waiting for what takes a while, longer on a slow machine."""

import time
from collections.abc import Callable


def comes_true(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether the condition holds within this time; while it raises OSError, as by a server that is down, it does not.

    A test waits for a generous time and goes on at once: `assert comes_true(lambda: ...)`.
    """
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except OSError:
        return False
