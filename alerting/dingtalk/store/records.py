"""What people look up in the ledger: notifications, their alerts and messages; and one of them sent again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from alerting.dingtalk.store import intake
from alerting.dingtalk.store.schema import alerts, messages, notifications
from alerting.payload import Notification

AT_ONCE = 50
"""Notifications on a page."""

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True)
class Search:
    """What somebody looks for; what is empty is not asked for."""

    words: str = ""
    """Anywhere in the notification as Alertmanager sent it: a label's value, an annotation, a group key."""
    channel: str = ""
    state: str = ""
    before: int | None = None
    """Older ones than this number."""


@dataclass(frozen=True)
class Record:
    """One notification."""

    row: AnyRow
    notification: Notification
    messages: Sequence[AnyRow]


def find(connection: Connection, search: Search) -> Sequence[AnyRow]:
    """The newest first; one more than `AT_ONCE` says that there are more."""
    columns = notifications.c
    query = select(
        notifications,
        func.count(alerts.c.position).label("alerts"),
        func.count(alerts.c.message_id.distinct()).label("messages"),
    ).outerjoin(alerts)
    if search.channel:
        query = query.where(columns.channel == search.channel)
    if search.state:
        query = query.where(columns.state == search.state)
    if search.before is not None:
        query = query.where(columns.id < search.before)
    for word in search.words.split():
        query = query.where(
            or_(columns.payload.icontains(word, autoescape=True), columns.group_key.icontains(word, autoescape=True))
        )
    return connection.execute(query.group_by(columns.id).order_by(columns.id.desc()).limit(AT_ONCE + 1)).all()


def read(connection: Connection, number: int) -> Record | None:
    """One notification with its messages in the order in which they were sent; None when there is none."""
    row = connection.execute(select(notifications).where(notifications.c.id == number)).first()
    if row is None:
        return None
    sent = connection.execute(
        select(messages)
        .where(messages.c.id.in_(select(alerts.c.message_id).where(alerts.c.notification_id == number)))
        .order_by(messages.c.id)
    ).all()
    return Record(row, Notification.model_validate_json(row.payload), sent)


def replay(connection: Connection, number: int, channel: str, now: float) -> int | None:
    """Put a stored notification into the outbox again, for this channel; its new number, None when there is none."""
    found = read(connection, number)
    return None if found is None else intake.add(connection, channel or found.row.channel, found.notification, now)
