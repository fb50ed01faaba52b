"""Messages out of the store: written down before the call, settled after it, so that a killed process loses nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from alerting.dingtalk.message import Form
from alerting.dingtalk.store.schema import (
    MessageState,
    NotificationState,
    alerts,
    calls,
    messages,
    notifications,
    robots,
)
from tapwatch.errors import DeliveryReason

_WAITING = notifications.c.state == NotificationState.WAITING


@dataclass(frozen=True)
class Draft:
    """A message that is to be sent."""

    robot: str
    form: Form
    body_bytes: int
    title: str
    body: str
    told: dict[int, tuple[int, int]]
    """By a notification's number: the positions of the alerts that it tells of, the last one excluded."""
    digest: bool


@dataclass(frozen=True)
class Dispatch:
    """A message under way: one call of a robot is to be made now."""

    message: int
    call: int
    robot: str
    body: bytes
    form: Form
    body_bytes: int
    notifications: tuple[int, ...]
    complete: tuple[int, ...]
    """Those of them that are wholly told once it has arrived."""
    tries: int
    """Calls with it, this one included."""


@dataclass(frozen=True)
class Delivered:
    """A notification all of whose alerts are told."""

    number: int
    status: str
    severity: str
    received_at: float
    firing: int
    resolved: int


def is_untold(connection: Connection, told: Mapping[int, tuple[int, int]]) -> bool:
    """Whether all these alerts still wait to be told."""
    return all(
        connection.scalar(
            select(func.count())
            .select_from(alerts.join(notifications))
            .where(*_among(number, first, end), alerts.c.message_id.is_(None), _WAITING)
        )
        == end - first
        for number, (first, end) in told.items()
    )


def start(connection: Connection, channel: str, draft: Draft, now: float) -> Dispatch:
    """Write down that the message is sent now, and count the call."""
    number = connection.execute(
        insert(messages)
        .values(
            channel=channel,
            robot=draft.robot,
            form=draft.form,
            body_bytes=draft.body_bytes,
            title=draft.title,
            body=draft.body,
            digest=draft.digest,
            state=MessageState.UNDER_WAY,
            tries=1,
            created_at=now,
        )
        .returning(messages.c.id)
    ).scalar_one()
    for notification, (first, end) in draft.told.items():
        connection.execute(update(alerts).where(*_among(notification, first, end)).values(message_id=number))
    return Dispatch(
        number,
        _count_call(connection, draft.robot, now),
        draft.robot,
        draft.body.encode(),
        draft.form,
        draft.body_bytes,
        tuple(draft.told),
        _complete(connection, list(draft.told)),
        tries=1,
    )


@dataclass(frozen=True)
class UnderWay:
    """A message of which nobody knows whether it arrived."""

    number: int
    robot: str
    created_at: float


def under_way(connection: Connection, channel: str) -> UnderWay | None:
    """The message whose call this or another process has begun and not settled."""
    row = connection.execute(
        select(messages.c.id, messages.c.robot, messages.c.created_at)
        .where(messages.c.state == MessageState.UNDER_WAY, messages.c.channel == channel)
        .order_by(messages.c.id)
        .limit(1)
    ).first()
    return None if row is None else UnderWay(row.id, row.robot, row.created_at)


def start_again(connection: Connection, message: int, now: float) -> Dispatch:
    """The same message, byte for byte, in one more call."""
    row = connection.execute(
        update(messages).where(messages.c.id == message).values(tries=messages.c.tries + 1).returning(messages)
    ).one()
    of_message = select(alerts.c.notification_id).where(alerts.c.message_id == message).distinct()
    numbers = list(connection.scalars(of_message))
    return Dispatch(
        message,
        _count_call(connection, row.robot, now),
        row.robot,
        row.body.encode(),
        Form(row.form),
        row.body_bytes,
        tuple(numbers),
        _complete(connection, numbers),
        row.tries,
    )


def settle_delivered(connection: Connection, dispatch: Dispatch, now: float) -> list[Delivered]:
    """DingTalk has taken the message; the notifications that are delivered by it."""
    _settle(connection, dispatch, MessageState.DELIVERED, None, now)
    columns = notifications.c
    rows = connection.execute(
        update(notifications)
        .where(columns.id.in_(_complete(connection, dispatch.notifications)), _WAITING)
        .values(state=NotificationState.DELIVERED, ended_at=now)
        .returning(columns.id, columns.status, columns.severity, columns.received_at)
    ).all()
    counts = _counts(connection, [row.id for row in rows])
    return [Delivered(row.id, row.status, row.severity, row.received_at, *counts.get(row.id, (0, 0))) for row in rows]


def settle_refused(connection: Connection, dispatch: Dispatch, reason: DeliveryReason, now: float) -> None:
    """DingTalk has not taken the message, for sure: its alerts are to be told by another one."""
    _settle(connection, dispatch, MessageState.REFUSED, reason, now)
    connection.execute(update(alerts).where(alerts.c.message_id == dispatch.message).values(message_id=None))


def settle_unknown(connection: Connection, dispatch: Dispatch, reason: DeliveryReason, now: float) -> None:
    """The message may have arrived: it stays under way."""
    _end_call(connection, dispatch, now)
    connection.execute(update(messages).where(messages.c.id == dispatch.message).values(reason=reason))
    _note_reason(connection, dispatch, reason)


def give_up(connection: Connection, numbers: Sequence[int], reason: DeliveryReason, now: float) -> None:
    """DingTalk refuses the notifications in every form."""
    connection.execute(
        update(notifications)
        .where(notifications.c.id.in_(numbers), _WAITING)
        .values(state=NotificationState.FAILED, ended_at=now, reason=reason)
    )


def drop(connection: Connection, message: int, now: float) -> None:
    """Its robot does not answer or is not in the settings any more, so that another one must tell its alerts."""
    connection.execute(
        update(messages).where(messages.c.id == message).values(state=MessageState.REFUSED, settled_at=now)
    )
    connection.execute(update(alerts).where(alerts.c.message_id == message).values(message_id=None))


def block(connection: Connection, names: Sequence[str], until: float, reason: DeliveryReason) -> None:
    """Ask these robots nothing until then."""
    connection.execute(
        update(robots).where(robots.c.name.in_(names)).values(blocked_until=until, blocked_reason=reason)
    )


def _among(notification: int, first: int, end: int) -> tuple[ColumnElement[bool], ...]:
    position = alerts.c.position
    return alerts.c.notification_id == notification, position >= first, position < end


def _complete(connection: Connection, numbers: Sequence[int]) -> tuple[int, ...]:
    """Those of the notifications none of whose alerts waits for a message."""
    untold = select(alerts.c.position).where(
        alerts.c.notification_id == notifications.c.id, alerts.c.message_id.is_(None)
    )
    return tuple(
        connection.scalars(select(notifications.c.id).where(notifications.c.id.in_(numbers), ~untold.exists()))
    )


def _count_call(connection: Connection, robot: str, now: float) -> int:
    return int(connection.execute(insert(calls).values(robot=robot, at=now).returning(calls.c.id)).scalar_one())


def _end_call(connection: Connection, dispatch: Dispatch, now: float) -> None:
    """DingTalk may have counted the call as late as this."""
    connection.execute(update(calls).where(calls.c.id == dispatch.call).values(at=now))


def _settle(
    connection: Connection, dispatch: Dispatch, state: MessageState, reason: DeliveryReason | None, now: float
) -> None:
    _end_call(connection, dispatch, now)
    connection.execute(
        update(messages).where(messages.c.id == dispatch.message).values(state=state, reason=reason, settled_at=now)
    )
    if reason is not None:
        _note_reason(connection, dispatch, reason)


def _note_reason(connection: Connection, dispatch: Dispatch, reason: DeliveryReason) -> None:
    connection.execute(
        update(notifications).where(notifications.c.id.in_(dispatch.notifications)).values(reason=reason)
    )


def _counts(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Firing and resolved alerts of each notification."""
    rows = connection.execute(
        select(alerts.c.notification_id, alerts.c.firing, func.count().label("alerts"))
        .where(alerts.c.notification_id.in_(numbers))
        .group_by(alerts.c.notification_id, alerts.c.firing)
    )
    counts = {number: [0, 0] for number in numbers}
    for row in rows:
        counts[row.notification_id][0 if row.firing else 1] = row.alerts
    return {number: (firing, resolved) for number, (firing, resolved) in counts.items()}
