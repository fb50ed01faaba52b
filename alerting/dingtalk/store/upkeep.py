"""The store looked after: how long its lines are, what has ended, what is old."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, or_, select, update

from alerting.dingtalk.store.schema import (
    MessageState,
    NotificationState,
    alerts,
    deeds,
    incidents,
    messages,
    notifications,
)

PRUNED_AT_ONCE = 500
"""So that no transaction takes long."""


@dataclass(frozen=True)
class Length:
    """A channel's line."""

    channel: str
    notifications: int
    oldest: float
    """When the first of them was received."""


def lengths(connection: Connection) -> list[Length]:
    """Every line that is not empty."""
    columns = notifications.c
    rows = connection.execute(
        select(columns.channel, func.count().label("notifications"), func.min(columns.received_at).label("oldest"))
        .where(columns.state == NotificationState.WAITING)
        .group_by(columns.channel)
    )
    return [Length(row.channel, row.notifications, row.oldest) for row in rows]


def ended(connection: Connection, numbers: Collection[int]) -> list[int]:
    """Those of the notifications that wait no longer."""
    columns = notifications.c
    return list(
        connection.scalars(
            select(columns.id).where(columns.id.in_(numbers), columns.state != NotificationState.WAITING)
        )
    )


def note_delivered(connection: Connection, numbers: Collection[int], now: float) -> None:
    """They were delivered while the store was out of order."""
    chosen = (notifications.c.id.in_(numbers), notifications.c.state == NotificationState.WAITING)
    connection.execute(update(notifications).where(*chosen).values(state=NotificationState.DELIVERED, ended_at=now))


def last_told(connection: Connection, fingerprints: Collection[str]) -> dict[str, float]:
    """By fingerprint, when people were last told that the alert fires."""
    told_at = func.max(func.coalesce(messages.c.settled_at, notifications.c.ended_at))
    delivered = or_(messages.c.state == MessageState.DELIVERED, notifications.c.state == NotificationState.DELIVERED)
    rows = connection.execute(
        select(alerts.c.fingerprint, told_at.label("told_at"))
        .select_from(alerts.join(notifications).outerjoin(messages))
        .where(alerts.c.fingerprint.in_(fingerprints), alerts.c.firing, delivered)
        .group_by(alerts.c.fingerprint)
    )
    return {row.fingerprint: row.told_at for row in rows}


def prune(connection: Connection, before: float) -> int:
    """Forget what ended and was received before this time, a part at once; how many notifications it was."""
    columns = notifications.c
    old = list(
        connection.scalars(
            select(columns.id)
            .where(columns.received_at < before, columns.state != NotificationState.WAITING)
            .limit(PRUNED_AT_ONCE)
        )
    )
    connection.execute(delete(alerts).where(alerts.c.notification_id.in_(old)))
    connection.execute(delete(notifications).where(columns.id.in_(old)))
    connection.execute(delete(incidents).where(incidents.c.closed_at < before))
    connection.execute(delete(deeds).where(deeds.c.at < before))
    told = select(alerts.c.message_id).where(alerts.c.message_id == messages.c.id)
    connection.execute(
        delete(messages).where(
            messages.c.created_at < before, messages.c.state != MessageState.UNDER_WAY, ~told.exists()
        )
    )
    return len(old)
