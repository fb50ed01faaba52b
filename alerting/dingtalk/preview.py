"""What the bridge would send for a payload: in the terminal, or as a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from alerting.dingtalk.delivery import MOST_MESSAGES
from alerting.dingtalk.draft import first_style
from alerting.dingtalk.message import ANY_ID, BODY_BYTES, Extras, Form, Mention, Message, Reader, write
from alerting.dingtalk.pages import render
from alerting.dingtalk.people import People
from alerting.dingtalk.rota import rung
from alerting.dingtalk.settings import BridgeSettings, RobotSettings
from alerting.dingtalk.templating import Templates
from alerting.payload import Notification

# The part of markdown that DingTalk shows.
_MARKDOWN = MarkdownIt("zero", {"html": False, "breaks": True}).enable(
    ["heading", "blockquote", "list", "emphasis", "link", "newline", "escape", "hr"]
)


@dataclass(frozen=True)
class Preview:
    """A robot's messages for a notification."""

    robot: str
    messages: list[Message]

    def text(self) -> str:
        """For a terminal."""
        parts = []
        for number, message in enumerate(self.messages, 1):
            size = len(message.encode(ANY_ID))
            head = f"--- robot {self.robot}, message {number} of {len(self.messages)}: {message.form}, {size} bytes"
            lines = [f"{head} of {BODY_BYTES} ---", message.title, "", message.text]
            lines += [f"[ {title} ] {url}" for title, url in message.buttons]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)


def preview(settings: BridgeSettings, people: People, name: str, notification: Notification) -> Preview:
    """What robot `name` would send, with those mentioned who are on call now; links are not signed."""
    robot = settings.robots[name]
    reader, extras = Reader.of(robot, Templates(settings.templates)), _extras(settings, people, notification)
    return Preview(name, list(_messages(notification, reader, robot, extras)))


def _messages(notification: Notification, reader: Reader, robot: RobotSettings, extras: Extras) -> Iterator[Message]:
    told, number = 0, 0
    while told < len(notification.alerts):
        number += 1
        style = first_style(extras, cards=robot.cards)
        style = type(style)(style.form if number == 1 else Form.MARKDOWN, last=number == MOST_MESSAGES)
        message = write(notification, reader, style, told, extras)
        told += message.told
        yield message


def _extras(settings: BridgeSettings, people: People, notification: Notification) -> Extras:
    now = datetime.now(UTC)
    teams = sorted(
        {alert.labels.get("team", "") for alert in notification.alerts if alert.firing} & people.teams.keys()
    )
    keys = dict.fromkeys(key for name in teams for key in rung(people, people.teams[name], 0, now))
    mentions = [Mention(people.people[key].name, user_id=people.people[key].name) for key in keys]
    example = f"{settings.public_url}/act/EXAMPLE"
    buttons = [("acknowledge", example), ("silence", example)] if settings.buttons is not None else []
    return Extras(mentions, buttons)


def write_page(previews: list[Preview], file: Path) -> None:
    """One HTML file without anything from elsewhere."""
    shown = [
        {"robot": one.robot, "title": message.title, "body": _body(message), "buttons": message.buttons}
        for one in previews
        for message in one.messages
    ]
    file.write_text(render("preview.html", messages=shown, language="en"), encoding="utf-8")


def _body(message: Message) -> Markup:
    """HTML in messages is shown as text."""
    if message.form in {Form.CARD, Form.MARKDOWN}:
        return Markup(_MARKDOWN.render(message.text))  # noqa: S704 - the renderer escapes HTML
    return Markup("<pre>{}</pre>").format(message.text)
