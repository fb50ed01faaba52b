"""What a channel sends next: one notification by itself, or many in a digest. Pure functions of what waits and when.

DingTalk takes 20 messages in a minute and then mutes the robot for ten. So single messages are few: a quarter of the
limit in a sixth of its time. What is more waits a moment for the rest of the storm, and is told in one digest: the
critical first, after a thirtieth of the limit's time (2 s), the rest after a twelfth (5 s). A quarter of the limit is
kept for what is critical.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerting.dingtalk.settings import RateLimit
from alerting.dingtalk.store.line import Allowance, Waiting


@dataclass(frozen=True)
class Batch:
    """To be sent now, in one message."""

    robot: str
    notifications: tuple[Waiting, ...]
    superseded: tuple[Waiting, ...] = ()
    """Older ones, all of whose alerts are among those of the others, in a later state."""

    @property
    def digest(self) -> bool:
        """Whether several share the message."""
        return len(self.notifications) > 1

    @property
    def numbers(self) -> frozenset[int]:
        """Of all notifications that end with it."""
        return frozenset(one.number for one in (*self.notifications, *self.superseded))


@dataclass(frozen=True)
class Pause:
    """Nothing is to be sent before this time."""

    until: float


def plan(waiting: Sequence[Waiting], robots: Sequence[Allowance], limit: RateLimit, now: float) -> Batch | Pause:
    """What is next of what waits, the oldest first, by the first robot of the pool that may send it."""
    superseded = _superseded(waiting)
    current = [one for one in waiting if one.number not in superseded]
    critical = [one for one in current if one.critical]
    others = [one for one in current if not one.critical]
    steps = [
        _step(part, robots, _Manners.of(limit, critical=part is critical), now) for part in (critical, others) if part
    ]
    batch = next((step for step in steps if isinstance(step, Batch)), None)
    if batch is None:
        return Pause(min(step.until for step in steps if isinstance(step, Pause)))
    told = {one.number for one in batch.notifications}
    return replace(batch, superseded=tuple(one for one in waiting if superseded.get(one.number) in told))


def _superseded(waiting: Sequence[Waiting]) -> dict[int, int]:
    """Notifications of which a later one in line says all, and newer: their numbers, with the later one's.

    So what fired and resolved while nothing could be sent is told as resolved, once.
    """
    latest: dict[str, Waiting] = {}
    found = {}
    for one in reversed(waiting):
        later = latest.setdefault(one.notification.group_key, one)
        if later is not one and one.notification.fingerprints <= later.notification.fingerprints:
            found[one.number] = later.number
    return found


@dataclass(frozen=True)
class _Manners:
    """How much of the limit news of one kind may use."""

    burst: int
    """Single messages in a sixth of the limit's time."""
    kept: int
    """Calls that are left for others."""
    gather_seconds: float
    """How long the oldest waits for company once there are too many for single messages."""

    @classmethod
    def of(cls, limit: RateLimit, *, critical: bool) -> "_Manners":
        burst = max(limit.messages // 4, 1)
        if critical:
            return cls(2 * burst, 0, limit.per / 30)
        return cls(burst, limit.kept, limit.per / 12)


def _step(waiting: Sequence[Waiting], robots: Sequence[Allowance], manners: _Manners, now: float) -> Batch | Pause:
    robot = next((one for one in robots if one.ready_at <= now and one.left > manners.kept), None)
    if robot is None:
        return Pause(min(max(one.ready_at, now + manners.gather_seconds) for one in robots))
    if len(waiting) + robot.recent <= manners.burst:
        return Batch(robot.robot, (waiting[0],))
    gathered_at = waiting[0].received_at + manners.gather_seconds
    return Batch(robot.robot, tuple(waiting)) if gathered_at <= now else Pause(gathered_at)
