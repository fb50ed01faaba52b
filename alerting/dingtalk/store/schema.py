"""The tables of outbox and ledger, the same in SQLite and PostgreSQL. All times are Unix time in seconds."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up by itself only in an INTEGER


class NotificationState(StrEnum):
    """Where a notification is on its way."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """DingTalk refuses it in every form."""


class MessageState(StrEnum):
    """Where a message is on its way."""

    UNDER_WAY = "under_way"
    """Written down before the call. Until the answer is written down too, it may or may not have arrived, so it is
    sent again, byte for byte, under the same `msgUuid`."""
    DELIVERED = "delivered"
    REFUSED = "refused"
    """DingTalk has said no, for sure; its alerts are told by another message."""


incidents = Table(  # what fires in a group, from its first alert until all are resolved
    "incident",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("channel", String(100), nullable=False),
    Column("group_hash", String(64), nullable=False),
    Column("notification_id", _NUMBER, nullable=False),  # the latest that fires
    Column("opened_at", Double, nullable=False),  # or when it last became worse
    Column("closed_at", Double),
    Column("level", Integer, nullable=False, default=0),  # of those who are rung
    Column("acknowledged_at", Double),
    Column("acknowledged_by", String(60)),
    Index("incident_open", "closed_at", "channel", "group_hash"),
)

notifications = Table(
    "notification",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("channel", String(100), nullable=False),  # the robot in the webhook's address
    Column("key", String(64), nullable=False),  # of the ledger: robot, group key, fingerprints, states, starts
    Column("turn", Integer, nullable=False),  # 0 for the news, then its reminders
    Column("group_key", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("severity", String(10), nullable=False),  # of the worst alert
    Column("payload", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("confirmed_at", Double),  # when Alertmanager heard the answer, as far as we know
    Column("state", String(10), nullable=False),
    Column("ended_at", Double),
    Column("reason", String(30)),  # of the last failure
    Column("level", Integer, nullable=False, default=0),  # above 0: rings those whom it is escalated to
    Column("incident_id", _NUMBER),
    UniqueConstraint("channel", "key", "turn", name="notification_is_the_same_news"),
    Index("notification_in_line", "state", "channel"),
    Index("notification_by_age", "received_at"),
)

messages = Table(
    "message",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("channel", String(100), nullable=False),
    Column("robot", String(100), nullable=False),  # another one than the channel's own when it stands in
    Column("form", String(10), nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", Boolean, nullable=False),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("reason", String(30)),
    Column("created_at", Double, nullable=False),
    Column("settled_at", Double),
    Index("message_by_state", "state", "channel"),
)

alerts = Table(
    "alert",
    metadata,
    Column("notification_id", _NUMBER, ForeignKey("notification.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),  # from the worst on
    Column("fingerprint", String(64), nullable=False),
    Column("firing", Boolean, nullable=False),
    Column("message_id", _NUMBER, ForeignKey("message.id")),  # that tells of it
    Index("alert_by_fingerprint", "fingerprint"),
    Index("alert_by_message", "message_id"),
)

robots = Table(
    "robot",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("sender", String(40)),  # the process that works on its line
    Column("leased_until", Double, nullable=False, default=0.0),
    Column("blocked_until", Double, nullable=False, default=0.0),
    Column("blocked_reason", String(30)),
)

calls = Table(
    "call",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("robot", String(100), nullable=False),
    Column("at", Double, nullable=False),
    Index("call_by_robot", "robot", "at"),
)

heartbeats = Table(
    "heartbeat",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("heard_at", Double, nullable=False),
    Column("silent_since", Double),  # while its silence has been said
)

deeds = Table(  # what people did by the links in messages
    "deed",
    metadata,
    Column("link", String(64), primary_key=True),  # the link's digest: each can be used once
    Column("incident_id", _NUMBER, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("person", String(60), nullable=False),
    Column("at", Double, nullable=False),
    Column("details", Text, nullable=False),
    Index("deed_by_incident", "incident_id"),
)

pictures = Table(
    "picture",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("made_at", Double, nullable=False),
    Index("picture_by_age", "made_at"),
)
