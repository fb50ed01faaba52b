"""Incidents: what fires in a group and who cares for it, from the first alert until all are resolved."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from alerting.dingtalk.store.schema import deeds, incidents, notifications
from alerting.payload import Notification


@dataclass(frozen=True)
class Incident:
    """One of them, with what fires."""

    number: int
    channel: str
    notification: Notification
    opened_at: float
    closed: bool
    level: int
    acknowledged_by: str


def note(connection: Connection, channel: str, notification: Notification, now: float) -> int | None:
    """Open, go on with or close the group's incident; its number, None for news of the bridge's own."""
    if not notification.receiver:
        return None
    group = hashlib.sha256(notification.group_key.encode()).hexdigest()
    columns = incidents.c
    row = connection.execute(
        select(incidents)
        .where(columns.closed_at.is_(None), columns.channel == channel, columns.group_hash == group)
        .with_for_update()
    ).first()
    if notification.status == "resolved":
        if row is not None:
            connection.execute(update(incidents).where(columns.id == row.id).values(closed_at=now))
        return None if row is None else int(row.id)
    if row is None:
        values = {"channel": channel, "group_hash": group, "notification_id": 0, "opened_at": now}
        return int(connection.execute(insert(incidents).values(values).returning(columns.id)).scalar_one())
    if _firing(notification) - _firing(_notification(connection, row.notification_id)):
        again: Mapping[str, Any] = {"opened_at": now, "level": 0, "acknowledged_at": None, "acknowledged_by": None}
        connection.execute(update(incidents).where(columns.id == row.id).values(again))
    return int(row.id)


def point_to(connection: Connection, number: int, notification: int) -> None:
    """The incident's latest notification."""
    connection.execute(update(incidents).where(incidents.c.id == number).values(notification_id=notification))


def find(connection: Connection, number: int) -> Incident | None:
    """The incident of this number."""
    row = connection.execute(
        select(incidents, notifications.c.payload)
        .join(notifications, notifications.c.id == incidents.c.notification_id)
        .where(incidents.c.id == number)
    ).first()
    return None if row is None else _incident(row)


def unacknowledged(connection: Connection) -> list[Incident]:
    """Open ones that nobody has taken, the oldest first."""
    rows = connection.execute(
        select(incidents, notifications.c.payload)
        .join(notifications, notifications.c.id == incidents.c.notification_id)
        .where(incidents.c.closed_at.is_(None), incidents.c.acknowledged_at.is_(None))
        .order_by(incidents.c.id)
    )
    return [_incident(row) for row in rows]


def raise_level(connection: Connection, found: Incident) -> bool:
    """Whether this process is the one that escalates: every level is reached once."""
    columns = incidents.c
    result = connection.execute(
        update(incidents)
        .where(
            columns.id == found.number,
            columns.level == found.level,
            columns.closed_at.is_(None),
            columns.acknowledged_at.is_(None),
        )
        .values(level=found.level + 1)
        .returning(columns.id)
    )
    return result.first() is not None


@dataclass(frozen=True)
class Deed:
    """What a person did by a link."""

    link: str
    """The link's digest."""
    incident: int
    kind: str
    person: str
    details: str = ""


def record(connection: Connection, deed: Deed, now: float) -> bool:
    """Write it down; False when the link was used before."""
    try:
        with connection.begin_nested():
            connection.execute(
                insert(deeds).values(
                    link=deed.link,
                    incident_id=deed.incident,
                    kind=deed.kind,
                    person=deed.person,
                    at=now,
                    details=deed.details,
                )
            )
    except IntegrityError:
        return False
    if deed.kind == "acknowledge":
        connection.execute(
            update(incidents)
            .where(incidents.c.id == deed.incident)
            .values(acknowledged_at=now, acknowledged_by=deed.person)
        )
    return True


def withdraw(connection: Connection, link: str) -> None:
    """It could not be done after all: the link can be used again."""
    connection.execute(deeds.delete().where(deeds.c.link == link))


def deed_by(connection: Connection, link: str) -> Row[*tuple[Any, ...]] | None:
    """What was done by this link."""
    return connection.execute(select(deeds).where(deeds.c.link == link)).first()


def deeds_of(connection: Connection, number: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """All that was done about an incident."""
    return connection.execute(select(deeds).where(deeds.c.incident_id == number).order_by(deeds.c.at)).all()


def _firing(notification: Notification) -> set[str]:
    return {alert.fingerprint for alert in notification.alerts if alert.firing}


def _notification(connection: Connection, number: int) -> Notification:
    payload = connection.execute(select(notifications.c.payload).where(notifications.c.id == number)).scalar_one()
    return Notification.model_validate_json(payload)


def _incident(row: Row[*tuple[Any, ...]]) -> Incident:
    return Incident(
        number=row.id,
        channel=row.channel,
        notification=Notification.model_validate_json(row.payload),
        opened_at=row.opened_at,
        closed=row.closed_at is not None,
        level=row.level,
        acknowledged_by=row.acknowledged_by or "",
    )
