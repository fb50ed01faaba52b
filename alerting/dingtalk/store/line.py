"""A channel's line: whose turn it is to send, what waits, and what each robot may still send."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from alerting.dingtalk.ledger import Entry, seed_of
from alerting.dingtalk.settings import RateLimit
from alerting.dingtalk.store.schema import NotificationState, alerts, calls, notifications, robots
from alerting.payload import Notification

MOST_IN_LINE = 250
"""Notifications that are looked at together; the rest of a longer line waits for these.

Good news may not use the whole of a robot's limit: in a lasting storm it would fill this and hide what is critical.
"""


@functools.lru_cache(2 * MOST_IN_LINE)
def _parse(payload: str) -> Notification:
    """What waits is looked at again before every message."""
    return Notification.model_validate_json(payload)


@dataclass(frozen=True)
class Waiting:
    """A notification that is not delivered, or not wholly."""

    number: int
    seed: str
    """From which its messages' ids are made: key and turn."""
    notification: Notification
    told: int
    """Alerts, from the worst on, that delivered messages tell of."""
    messages: int
    """Delivered ones."""
    received_at: float
    level: int = 0
    """Above 0: it rings those whom it is escalated to."""
    incident: int | None = None

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> "Waiting":
        """Of a row of the line; reading its payload takes its time."""
        return cls(
            row.id,
            f"{row.key} {row.turn}",
            _parse(row.payload),
            row.told,
            row.messages,
            row.received_at,
            row.level,
            row.incident_id,
        )

    def entry(self, robot: str) -> Entry:
        """The ledger's entry for a delivery by this robot."""
        return Entry(seed_of(self.seed, robot), self.told, self.messages)

    @property
    def severity(self) -> str:
        """Of the worst alert of which nobody is told yet."""
        return self.notification.worst_first[self.told].severity

    @property
    def critical(self) -> bool:
        """Whether somebody is to be woken by what nobody is told yet."""
        return self.notification.is_critical(self.told)


@dataclass(frozen=True)
class Allowance:
    """What a robot may send at this moment."""

    robot: str
    left: int
    """Calls before its limit."""
    recent: int
    """Calls in the last sixth of the limit's time."""
    ready_at: float
    """When it may be called; not later than now when it may be called now."""


@dataclass(frozen=True)
class Line:
    """What waits, and the robots that may send it, at one moment."""

    rows: Sequence[Row[*tuple[Any, ...]]]
    robots: Sequence[Allowance]


def held_back(allowance: Allowance, until: float) -> Allowance:
    """The same, but not before this time."""
    return replace(allowance, ready_at=max(allowance.ready_at, until))


def know_robots(connection: Connection, names: Sequence[str]) -> None:
    """Make the rows that are locked later."""
    known = set(connection.scalars(select(robots.c.name)))
    for name in set(names) - known:
        try:
            with connection.begin_nested():
                connection.execute(insert(robots).values(name=name))
        except IntegrityError:
            continue  # another replica was faster


def lease(connection: Connection, channel: str, sender: str, now: float, seconds: float) -> bool:
    """Whether `sender` is the one that works on the line, for so many seconds from now on.

    Replicas compare their own clocks: those should agree within a second.
    """
    row = connection.execute(
        select(robots.c.sender, robots.c.leased_until)
        .where(robots.c.name == channel)
        .with_for_update(skip_locked=True)  # whoever has locked it works on it right now
    ).first()
    if row is None or (row.sender != sender and row.leased_until > now):
        return False
    connection.execute(update(robots).where(robots.c.name == channel).values(sender=sender, leased_until=now + seconds))
    return True


def release(connection: Connection, channel: str, sender: str) -> None:
    """Let any replica be the next."""
    connection.execute(
        update(robots)
        .where(robots.c.name == channel, robots.c.sender == sender, robots.c.leased_until > 0.0)
        .values(leased_until=0.0)
    )


def is_waiting(connection: Connection, channel: str) -> bool:
    """Whether anything is in line."""
    return connection.execute(_in_line(channel).with_only_columns(notifications.c.id).limit(1)).first() is not None


def in_line(connection: Connection, channel: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """What waits, the oldest first; of a long line before all else what wakes people. `Waiting.of` reads a row."""
    told, columns = alerts.c.message_id, notifications.c
    urgent = (columns.status == "firing") & (columns.severity == "critical")
    rows = connection.execute(
        _in_line(channel)
        .with_only_columns(
            columns.id,
            columns.key,
            columns.turn,
            columns.payload,
            columns.received_at,
            columns.level,
            columns.incident_id,
            func.count(told).label("told"),
            func.count(told.distinct()).label("messages"),
        )
        .join(alerts)
        .group_by(columns.id)
        .order_by(urgent.desc(), columns.id)
        .limit(MOST_IN_LINE)
    ).all()
    return sorted(rows, key=lambda row: row.id)


def allowances(connection: Connection, limits: Mapping[str, RateLimit], now: float) -> list[Allowance]:
    """What each robot may send, in the order given; their rows stay locked until the transaction ends."""
    rows = connection.execute(
        select(robots.c.name, robots.c.blocked_until)
        .where(robots.c.name.in_(limits))
        .order_by(robots.c.name)  # all lock in the same order, so that none waits for the other
        .with_for_update()
    )
    blocked = {row.name: row.blocked_until for row in rows}
    return [_allowance(connection, name, limit, blocked.get(name, 0.0), now) for name, limit in limits.items()]


def note_calls(connection: Connection, made: Iterable[tuple[str, float]]) -> None:
    """Count calls that replicas do not know of yet: each robot's name, and when (Unix time)."""
    connection.execute(insert(calls), [{"robot": robot, "at": at} for robot, at in made])


def _allowance(connection: Connection, name: str, limit: RateLimit, blocked_until: float, now: float) -> Allowance:
    connection.execute(delete(calls).where(calls.c.robot == name, calls.c.at <= now - limit.per))
    times = list(connection.scalars(select(calls.c.at).where(calls.c.robot == name).order_by(calls.c.at)))
    # A call in the future was made before the clock was set back: it counts as one of this moment.
    full_until = min(times[-limit.messages], now) + limit.per if len(times) >= limit.messages else now
    return Allowance(
        robot=name,
        left=max(limit.messages - len(times), 0),
        recent=sum(at > now - limit.per / 6 for at in times),
        ready_at=max(full_until, blocked_until),
    )


def _in_line(channel: str) -> Select[*tuple[Any, ...]]:
    return select(notifications).where(
        notifications.c.state == NotificationState.WAITING, notifications.c.channel == channel
    )
