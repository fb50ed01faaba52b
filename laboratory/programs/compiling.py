"""Whether this process may compile: a level of tests that needs no compiler proves it by being refused one."""

import os
from typing import Final

from tapwatch.errors import TapwatchError

VARIABLE: Final = "TAPWATCH_COMPILE"
"""`never` in the environment forbids it, to child processes as well."""


def require_compiling(program: str) -> None:
    """Raise TapwatchError where compiling is forbidden, even if the cache has the program already.

    What passes on one machine because another run has filled its cache would fail on an empty one.
    """
    if os.environ.get(VARIABLE) == "never":
        raise TapwatchError(
            f"{program} is compiled, which this run may not do: mark the test `compiled`, or run pytest --everything"
        )
