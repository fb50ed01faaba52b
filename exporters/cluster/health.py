"""What an API server says of its health, understood.

Kubernetes' documentation, "Kubernetes API health endpoints": the status code decides; the verbose text is for people,
so it is read with tolerance and never decides anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporters.cluster.clock import Offset
from exporters.cluster.connection import Stages
from exporters.cluster.failure import StatusError
from tapwatch.errors import PollError

LIVE = "/livez"
READY = "/readyz"

_CHECK = re.compile(r"^\[([+-])\](\S+)(.*)", re.MULTILINE)


@dataclass(frozen=True)
class Health:
    """The answer of one health path, or why there is none."""

    path: str
    seconds: float
    checks: Mapping[str, bool]
    """Each single check that was told, and whether it passed."""
    failure: PollError | None = None
    """None when the path answered 200."""


@dataclass(frozen=True)
class Probe:
    """What one round of requests to an endpoint found."""

    answers: tuple[Health, ...]
    ended: float
    """Unix time."""
    version: str | None = None
    """As `v1.37.0`, when it was asked for and told."""
    stages: Stages = field(default_factory=Stages)
    """The way to the server, step by step."""
    clocks: tuple[Offset, ...] = ()
    """What each answer said of the server's clock."""

    @property
    def failure(self) -> PollError | None:
        """Why the endpoint counts as down; None when it is up."""
        return next((answer.failure for answer in self.answers if answer.failure is not None), None)


def parse_checks(text: str) -> dict[str, bool]:
    """The checks in a verbose answer: `[+]ping ok`, `[-]etcd failed: reason withheld`. Excluded ones say nothing."""
    checks: dict[str, bool] = {}
    for sign, name, rest in _CHECK.findall(text):
        if not rest.strip().startswith("excluded"):
            checks[name] = sign == "+" and checks.get(name, True)
    return checks


def judge_status(path: str, status: int, checks: Mapping[str, bool]) -> PollError | None:
    """None for 200, else what the status means, with the checks that failed."""
    if status == 200:  # noqa: PLR2004 - HTTP's own number
        return None
    failed = ", ".join(name for name, passed in checks.items() if not passed)
    return StatusError(status, f"{path} answered {status}" + (f"; failed: {failed}" if failed else ""))
