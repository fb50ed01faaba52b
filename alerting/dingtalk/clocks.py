"""The time, for tests to replace."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clocks:
    """Both clocks of a process."""

    unix: Callable[[], float] = time.time
    """Seconds since 1970, which DingTalk compares with its own, and by which replicas agree."""
    steady: Callable[[], float] = time.monotonic
    """Seconds that never go back."""
