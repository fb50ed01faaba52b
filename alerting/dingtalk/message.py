"""A notification as a message for people: what broke, where, since when, how bad, what to do. Pure functions."""

import bisect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerting.dingtalk.markup import web_address
from alerting.dingtalk.payload import Alert, Notification
from alerting.dingtalk.settings import Language, RobotSettings
from alerting.dingtalk.view import Room, view

BODY_BYTES = 20_000
"""DingTalk's limit for the whole request body."""
LEAST_BODY_BYTES = 5_000
"""One alert always has room in this."""
RESOLVED_MARK = "✅"

MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_ALERT_BYTES = 50
"""Less than the shortest that is said of an alert: more than so many need not be tried."""
ANY_ID = "0" * 32
"""As long as every `msgUuid`."""

TEMPLATES = ImmutableSandboxedEnvironment(
    loader=PackageLoader("alerting.dingtalk"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # this is no HTML; what others wrote is harmless before it comes here
)


def words(language: Language, macro: str, *arguments: object) -> str:
    """What a macro of a language's words says."""
    module = TEMPLATES.get_template(f"words/{language}.j2").module
    return str(getattr(module, macro)(*arguments))


class Form(StrEnum):
    """How a message is written. DingTalk may refuse the first two for their words."""

    MARKDOWN = "markdown"
    TEXT = "text"
    BARE = "bare"
    """Plain text without a word of others: how many alerts there are."""


@dataclass(frozen=True)
class Style:
    """How to write one message."""

    form: Form = Form.MARKDOWN
    body_bytes: int = BODY_BYTES
    last: bool = True
    """No other message follows, so that what has no room is counted."""


@dataclass(frozen=True)
class Reader:
    """For whom a message is written."""

    language: Language
    time_zone: ZoneInfo
    keywords: Sequence[str]

    @classmethod
    def of(cls, settings: RobotSettings) -> "Reader":
        """The people behind a robot."""
        return cls(settings.language, ZoneInfo(settings.time_zone), settings.keywords)


@dataclass(frozen=True)
class Message:
    """One message."""

    form: Form
    title: str
    """What the phone's notification shows, of a markdown message."""
    text: str
    told: int
    """Alerts that it tells of, those included that it only counts."""

    def encode(self, message_id: str) -> bytes:
        """The request's body, UTF-8. Non-ASCII stays as it is, since escaping doubles Chinese."""
        body: dict[str, Any] = {"msgUuid": message_id}
        if self.form is Form.MARKDOWN:
            body |= {"msgtype": "markdown", "markdown": {"title": self.title, "text": self.text}}
        else:
            body |= {"msgtype": "text", "text": {"content": self.text}}
        return json.dumps(body, ensure_ascii=False).encode()


def write(notification: Notification, reader: Reader, style: Style, skip: int = 0) -> Message:
    """The message for all alerts but the worst `skip`, of which others told.

    As many as have room within `style.body_bytes` of request body are told, the worst first.
    """
    alerts = notification.worst_first[skip:]

    def with_alerts(shown: int) -> Message:
        return _with_keyword(notification, alerts, shown, reader, style)

    if style.form is Form.BARE:
        return with_alerts(0)
    return with_alerts(_most(len(alerts), style.body_bytes, lambda shown: len(with_alerts(shown).encode(ANY_ID))))


def _most(alerts: int, body_bytes: int, size: Callable[[int], int]) -> int:
    """How many alerts have room; one always has."""
    return most_that_fit(min(alerts, body_bytes // _ALERT_BYTES), body_bytes, size)


def most_that_fit(things: int, body_bytes: int, size: Callable[[int], int]) -> int:
    """How many of the things have room when so many of them take `size` bytes; one is taken to have."""
    candidates = range(2, things + 1)
    return 1 + bisect.bisect_right(candidates, body_bytes, key=size)


def _with_keyword(
    notification: Notification, alerts: Sequence[Alert], shown: int, reader: Reader, style: Style
) -> Message:
    return with_keyword(reader, lambda prefix: _render(notification, alerts, shown, reader, style, prefix))


def with_keyword(reader: Reader, render: Callable[[str], Message]) -> Message:
    """DingTalk refuses a message without one of the robot's keywords, so one is put in front where none stands."""
    message = render("")
    if not reader.keywords or any(keyword in message.text for keyword in reader.keywords):
        return message
    return render(f"{reader.keywords[0]} ")


def _render(
    notification: Notification, alerts: Sequence[Alert], shown: int, reader: Reader, style: Style, prefix: str
) -> Message:
    room = Room(style.body_bytes)
    views = [view(alert, reader.time_zone, room) for alert in alerts[: max(shown, 1)]]
    ends = style.last or style.form is Form.BARE or shown == len(alerts)
    template = TEMPLATES.get_template(f"{style.form}.j2")
    module = template.make_module(
        {
            "language": reader.language,
            "prefix": prefix,
            "marks": MARKS,
            "resolved_mark": RESOLVED_MARK,
            "worst": views[0],
            "alerts": views[:shown],
            "firing": sum(alert.firing for alert in alerts),
            "resolved": sum(not alert.firing for alert in alerts),
            "critical": sum(alert.firing and alert.severity == "critical" for alert in alerts),
            "left": len(alerts) - shown if ends else 0,
            "truncated": notification.truncated_alerts if ends else 0,
            "all_url": web_address(notification.external_url, room.address),
        }
    )
    title, text = str(getattr(module, "title", "")), str(module).strip("\n")
    return Message(style.form, title, text, len(alerts) if ends else shown)
