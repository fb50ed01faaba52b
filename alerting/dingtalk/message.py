"""A notification as a message for people: what broke, where, since when, how bad, what to do. Pure functions."""

import bisect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerting.dingtalk.markup import web_address
from alerting.dingtalk.settings import Language, RobotSettings
from alerting.dingtalk.templating import BUILT_IN, Templates
from alerting.dingtalk.view import Room, view
from alerting.payload import Alert, Notification

BODY_BYTES = 20_000
"""DingTalk's limit for the whole request body."""
LEAST_BODY_BYTES = 5_000
"""One alert always has room in this."""
RESOLVED_MARK = "✅"

MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_TITLE = 100
_ALERT_BYTES = 50
"""Less than the shortest that is said of an alert: more than so many need not be tried."""
ANY_ID = "0" * 32
"""As long as every `msgUuid`."""


class Form(StrEnum):
    """How a message is written. DingTalk may refuse all but the last for their words."""

    CARD = "card"
    """Markdown with buttons below it. It rings nobody's phone by name, so it mentions nobody."""
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
class Mention:
    """Somebody whose phone is to ring."""

    name: str
    mobile: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)

    @property
    def mark(self) -> str:
        """What must stand in the text, or the phone stays silent."""
        return f"@{self.mobile or self.user_id}"


@dataclass(frozen=True)
class Extras:
    """What goes with an alert beside what Alertmanager says of it."""

    mentions: Sequence[Mention] = ()
    buttons: Sequence[tuple[str, str]] = ()
    """Kind and address."""
    picture: str = ""
    """The address of a chart."""
    values: Mapping[str, float] = field(default_factory=dict)
    """By fingerprint, what the alert's expression gives now."""
    escalated_minutes: int = 0
    """For how long nobody has acknowledged it; 0 for what is new."""


NOTHING_MORE = Extras()


@dataclass(frozen=True)
class Reader:
    """For whom a message is written."""

    language: Language
    time_zone: ZoneInfo
    keywords: Sequence[str]
    templates: Templates = BUILT_IN

    @classmethod
    def of(cls, settings: RobotSettings, templates: Templates = BUILT_IN) -> "Reader":
        """The people behind a robot."""
        return cls(settings.language, ZoneInfo(settings.time_zone), settings.keywords, templates)


@dataclass(frozen=True)
class Message:
    """One message."""

    form: Form
    title: str
    """What the phone's notification shows, of a markdown message."""
    text: str
    told: int
    """Alerts that it tells of, those included that it only counts."""
    mentions: Sequence[Mention] = ()
    buttons: Sequence[tuple[str, str]] = ()
    """Words and address."""

    def encode(self, message_id: str) -> bytes:
        """The request's body, UTF-8. Non-ASCII stays as it is, since escaping doubles Chinese."""
        title = self.title or self.text.strip().partition("\n")[0][:_TITLE]  # DingTalk takes none without one
        content = {"title": title, "text": self.text}
        match self.form:
            case Form.CARD:
                buttons = [{"title": title, "actionURL": url} for title, url in self.buttons]
                body: dict[str, Any] = {
                    "msgtype": "actionCard",
                    "actionCard": content | {"btnOrientation": "0", "btns": buttons},
                }
            case Form.MARKDOWN:
                body = {"msgtype": "markdown", "markdown": content}
            case _:
                body = {"msgtype": "text", "text": {"content": self.text}}
        if self.mentions:
            mobiles = [one.mobile for one in self.mentions if one.mobile]
            users = [one.user_id for one in self.mentions if not one.mobile]
            body["at"] = {"atMobiles": mobiles, "atUserIds": users, "isAtAll": False}
        return json.dumps({"msgUuid": message_id} | body, ensure_ascii=False).encode()


def write(
    notification: Notification, reader: Reader, style: Style, skip: int = 0, extras: Extras = NOTHING_MORE
) -> Message:
    """The message for all alerts but the worst `skip`, of which others told; those have had the extras.

    As many as have room within `style.body_bytes` of request body are told, the worst first.
    """
    text = _Text(notification, notification.worst_first[skip:], reader, style, NOTHING_MORE if skip else extras)
    alerts = text.alerts

    def with_alerts(shown: int) -> Message:
        return with_keyword(reader, lambda prefix: text.render(shown, prefix))

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


def with_keyword(reader: Reader, render: Callable[[str], Message]) -> Message:
    """DingTalk refuses a message without one of the robot's keywords, so one is put in front where none stands."""
    message = render("")
    if _has_keyword(reader, message):
        return message
    message = render(f"{reader.keywords[0]} ")
    if _has_keyword(reader, message):
        return message
    return replace(message, text=f"{reader.keywords[0]} {message.text}")  # a template of the operator's drops it


def _has_keyword(reader: Reader, message: Message) -> bool:
    return not reader.keywords or any(keyword in message.text for keyword in reader.keywords)


def template_of(form: Form) -> str:
    """A card's text is markdown."""
    return "markdown.j2" if form is Form.CARD else f"{form}.j2"


def extra_values(extras: Extras, reader: Reader, form: Form) -> dict[str, object]:
    """What templates get of the extras; a card has its buttons below the text."""
    buttons = [] if form is Form.CARD else extras.buttons
    return {
        "mentions": [one.mark for one in extras.mentions],
        "buttons": [(reader.templates.words(reader.language, "link", kind), url) for kind, url in buttons],
        "picture": extras.picture,
        "escalated": extras.escalated_minutes,
    }


def buttons_of(extras: Extras, reader: Reader, form: Form) -> Sequence[tuple[str, str]]:
    """A card's, in the reader's words."""
    if form is not Form.CARD:
        return ()
    return [(reader.templates.words(reader.language, "link", kind), url) for kind, url in extras.buttons]


@dataclass(frozen=True)
class _Text:
    """What one message is made from."""

    notification: Notification
    alerts: Sequence[Alert]
    reader: Reader
    style: Style
    extras: Extras

    def render(self, shown: int, prefix: str) -> Message:
        """With so many of the alerts."""
        title, text = self.reader.templates.render(template_of(self.style.form), self.values(shown, prefix))
        told = len(self.alerts) if self._ends(shown) else shown
        buttons = buttons_of(self.extras, self.reader, self.style.form)
        return Message(self.style.form, title, text, told, self.extras.mentions, buttons)

    def _ends(self, shown: int) -> bool:
        return self.style.last or self.style.form is Form.BARE or shown == len(self.alerts)

    def values(self, shown: int, prefix: str) -> dict[str, object]:
        """What the template gets; docs/dingtalk.md lists it."""
        room, alerts, ends = Room(self.style.body_bytes), self.alerts, self._ends(shown)
        views = [
            view(alert, self.reader.time_zone, room, self.extras.values.get(alert.fingerprint))
            for alert in alerts[: max(shown, 1)]
        ]
        return {
            "language": self.reader.language,
            "prefix": prefix,
            "marks": MARKS,
            "resolved_mark": RESOLVED_MARK,
            "worst": views[0],
            "alerts": views[:shown],
            "firing": sum(alert.firing for alert in alerts),
            "resolved": sum(not alert.firing for alert in alerts),
            "critical": sum(alert.firing and alert.severity == "critical" for alert in alerts),
            "left": len(alerts) - shown if ends else 0,
            "truncated": self.notification.truncated_alerts if ends else 0,
            "all_url": web_address(self.notification.external_url, room.address),
            "silence_url": "" if self.extras.buttons or not ends else self._silence_url(room.address),
            **extra_values(self.extras, self.reader, self.style.form),
        }

    def _silence_url(self, longest: int) -> str:
        """Alertmanager's own page, filled in for what all firing alerts have in common."""
        first, *others = [alert.labels for alert in self.alerts if alert.firing] or [{}]
        shared = {name for name, value in first.items() if all(one.get(name) == value for one in others)}
        common = [f'{name}="{first[name]}"' for name in sorted(shared)]
        if not common:
            return ""
        query = quote("{" + ",".join(common) + "}", safe="")
        return web_address(f"{self.notification.external_url}/#/silences/new?filter={query}", longest)


def sample_values(notification: Notification, reader: Reader, style: Style, extras: Extras) -> dict[str, object]:
    """What the template gets for a whole notification, to try templates out."""
    return _Text(notification, notification.worst_first, reader, style, extras).values(len(notification.alerts), "")
