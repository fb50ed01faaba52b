"""How far a server's clock is from ours, told from the Date of its answers.

The header (RFC 9110, section 6.6.1) has whole seconds, so one answer only says that the offset lies within a second
and the time that the answer took. Several such spans overlap in the offset, so their common part is much narrower.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Offset:
    """The server's clock minus ours lies between these, in seconds."""

    least: float
    most: float

    @property
    def middle(self) -> float:
        """The best guess."""
        return (self.least + self.most) / 2


def read_offset(date: str | None, sent: float, received: float) -> Offset | None:
    """What a Date header says, when the request was sent and its answer received, in Unix time; None when nothing."""
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None
    return Offset(told - received, told + 1 - sent)


def common_offset(offsets: Iterable[Offset]) -> Offset | None:
    """The part that the latest offsets, newest first, have in common; None without any.

    One that contradicts the newer ones is from before a clock was set, and so are all older ones.
    """
    common: Offset | None = None
    for one in offsets:
        both = one if common is None else Offset(max(common.least, one.least), min(common.most, one.most))
        if both.least > both.most:
            break
        common = both
    return common
