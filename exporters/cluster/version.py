"""Kubernetes' versions: how many minor releases lie between two."""

import re
from collections.abc import Iterable

_MINOR = re.compile(r"^v?(\d+)\.(\d+)")


def minor_release(version: str) -> int | None:
    """37 for `v1.37.0`; None for what is no version of Kubernetes 1."""
    match = _MINOR.match(version)
    return int(match[2]) if match and match[1] == "1" else None


def skew(newest_of: Iterable[str], oldest_of: Iterable[str]) -> int | None:
    """Minor releases between the newest of some versions and the oldest of others; None when either tells nothing."""
    newest = [minor for version in newest_of if (minor := minor_release(version)) is not None]
    oldest = [minor for version in oldest_of if (minor := minor_release(version)) is not None]
    return max(newest) - min(oldest) if newest and oldest else None
