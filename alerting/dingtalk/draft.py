"""From what is to be sent together to the message as it goes out. Pure functions."""

from dataclasses import replace

from alerting.dingtalk.delivery import MOST_MESSAGES
from alerting.dingtalk.digest import Digest, write_digest
from alerting.dingtalk.ledger import seed_of
from alerting.dingtalk.message import NOTHING_MORE, Extras, Form, Message, Reader, Style, write
from alerting.dingtalk.plan import Batch
from alerting.dingtalk.store.dispatch import Draft
from alerting.dingtalk.store.line import Waiting


def first_style(extras: Extras, *, cards: bool) -> Style:
    """A card where it can hold buttons and rings nobody."""
    return Style(Form.CARD if cards and extras.buttons and not extras.mentions else Form.MARKDOWN)


def draft(batch: Batch, reader: Reader, style: Style, extras: Extras = NOTHING_MORE) -> Draft:
    """The next message of a notification, or one for all of them; its `msgUuid` follows from the ledger's keys."""
    if batch.digest:
        return _digest(batch, reader, style, extras)
    (one,) = batch.notifications
    style = replace(style, last=one.messages >= MOST_MESSAGES - 1)
    message = write(one.notification, reader, style, one.told, extras)
    return _as_draft(batch, message, style, {one.number: (one.told, one.told + message.told)})


def _digest(batch: Batch, reader: Reader, style: Style, extras: Extras) -> Draft:
    parts = batch.notifications
    message = write_digest(Digest.of((one.notification, one.told) for one in parts), reader, style, extras)
    told = {one.number: (one.told, len(one.notification.alerts)) for one in parts}
    return _as_draft(batch, message, style, told)


def _as_draft(batch: Batch, message: Message, style: Style, told: dict[int, tuple[int, int]]) -> Draft:
    rest = {one.number: (one.told, len(one.notification.alerts)) for one in batch.superseded}
    return Draft(
        robot=batch.robot,
        form=message.form,
        body_bytes=style.body_bytes,
        title=message.title,
        body=message.encode(_message_id(batch.robot, batch.notifications, style)).decode(),
        told=told | rest,
        digest=batch.digest,
    )


def _message_id(robot: str, notifications: tuple[Waiting, ...], style: Style) -> str:
    """The same as that of a direct delivery of the same notification."""
    entries = [one.entry(robot) for one in notifications]
    if len(entries) == 1:
        return entries[0].message_id(style.form, style.body_bytes)
    keys = "\n".join(entry.message_id(style.form, style.body_bytes) for entry in entries)
    return seed_of(keys, robot).hex
