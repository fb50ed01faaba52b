"""Notifications into the outbox: stored once, whoever brings them and how often."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from alerting.dingtalk.ledger import KEEP_SECONDS, SAME_NEWS_SECONDS
from alerting.dingtalk.store import incident
from alerting.dingtalk.store.incident import Incident
from alerting.dingtalk.store.schema import NotificationState, alerts, notifications
from alerting.payload import Notification

_Latest = Row[int, str, int, str, float, float | None]


@dataclass(frozen=True)
class Receipt:
    """A notification that is in the store."""

    number: int
    seed: str
    """From which its messages' ids are made: key and turn."""
    known: bool
    """It was there before: a retry, another Alertmanager's copy, or one brought by another replica."""
    waiting: bool
    """It is not delivered yet."""


def ledger_key(channel: str, notification: Notification) -> str:
    """Of robot, group key, fingerprints, states and starts: the same for every copy of the same news."""
    return hashlib.sha256(f"{channel}\n{notification.key}".encode()).hexdigest()


def accept(connection: Connection, channel: str, notification: Notification, now: float) -> Receipt:
    """Store a notification unless it is there; it is safe when the transaction is committed."""
    key = ledger_key(channel, notification)
    latest = _latest(connection, channel, key)
    if latest is not None and _is_same_news(latest, now):
        return _known(latest)
    turn = 0 if latest is None else latest.turn + 1
    try:
        with connection.begin_nested():
            number = _insert(connection, channel, key, turn, notification, now)
    except IntegrityError:  # another replica has stored it in this moment
        latest = _latest(connection, channel, key)
        if latest is None:
            raise
        return _known(latest)
    return Receipt(number, f"{key} {turn}", known=False, waiting=True)


def add(connection: Connection, channel: str, notification: Notification, now: float) -> int:
    """Store a notification in any case, as a reminder of the same news if that is there; its number."""
    key = ledger_key(channel, notification)
    latest = _latest(connection, channel, key)
    return _insert(connection, channel, key, 0 if latest is None else latest.turn + 1, notification, now)


def record(connection: Connection, delivered: tuple[str, Notification, float]) -> None:
    """Note what was delivered while the store was out of order: channel, notification, and when."""
    channel, notification, at = delivered
    receipt = accept(connection, channel, notification, at)
    connection.execute(
        update(notifications)
        .where(notifications.c.id == receipt.number, notifications.c.state == NotificationState.WAITING)
        .values(state=NotificationState.DELIVERED, ended_at=at, confirmed_at=at)
    )


def confirm(connection: Connection, numbers: Collection[int], now: float) -> None:
    """Alertmanager has heard that these are safe, and has no reason to send them again."""
    connection.execute(
        update(notifications)
        .where(notifications.c.id.in_(numbers), notifications.c.confirmed_at.is_(None))
        .values(confirmed_at=now)
    )


def _known(latest: _Latest) -> Receipt:
    waiting = latest.state == NotificationState.WAITING
    return Receipt(latest.id, f"{latest.key} {latest.turn}", known=True, waiting=waiting)


def _latest(connection: Connection, channel: str, key: str) -> _Latest | None:
    columns = notifications.c
    return connection.execute(
        select(columns.id, columns.key, columns.turn, columns.state, columns.received_at, columns.confirmed_at)
        .where(columns.channel == channel, columns.key == key)
        .order_by(columns.turn.desc())
        .limit(1)
    ).first()


def _is_same_news(latest: _Latest, now: float) -> bool:
    """False for a reminder: Alertmanager has known for a while that the last one is delivered, and sends it again."""
    if latest.state == NotificationState.WAITING:
        return True
    if latest.confirmed_at is None:
        return bool(now - latest.received_at <= KEEP_SECONDS)
    return bool(now - latest.confirmed_at <= SAME_NEWS_SECONDS)


def escalate(connection: Connection, found: Incident, now: float) -> int | None:
    """Tell an incident again to those of the next level; None when another process does it."""
    if not incident.raise_level(connection, found):
        return None
    level = found.level + 1
    key = hashlib.sha256(f"{found.number} escalated {level} {found.opened_at}".encode()).hexdigest()
    return _write(connection, _Entry(found.channel, key, 0, level, found.number), found.notification, now)


@dataclass(frozen=True)
class _Entry:
    """A notification's place in the ledger."""

    channel: str
    key: str
    turn: int
    level: int
    incident: int | None


def _insert(connection: Connection, channel: str, key: str, turn: int, notification: Notification, now: float) -> int:
    number = incident.note(connection, channel, notification, now)
    written = _write(connection, _Entry(channel, key, turn, 0, number), notification, now)
    if number is not None and notification.status == "firing":
        incident.point_to(connection, number, written)
    return written


def _write(connection: Connection, entry: _Entry, notification: Notification, now: float) -> int:
    worst_first = notification.worst_first
    result = connection.execute(
        insert(notifications)
        .values(
            channel=entry.channel,
            key=entry.key,
            turn=entry.turn,
            level=entry.level,
            incident_id=entry.incident,
            group_key=notification.group_key,
            status=notification.status,
            severity=worst_first[0].severity,
            payload=notification.model_dump_json(by_alias=True),
            received_at=now,
            state=NotificationState.WAITING,
        )
        .returning(notifications.c.id)
    )
    number = int(result.scalar_one())
    rows = [
        {"notification_id": number, "position": position, "fingerprint": alert.fingerprint, "firing": alert.firing}
        for position, alert in enumerate(worst_first)
    ]
    connection.execute(insert(alerts), rows)
    return number
