"""How DingTalk's cloud judges a robot's message. Time is passed in; nothing here knows of sockets.

Source: DingTalk's custom robot documentation; where it is silent, the stricter reading. Not verified against the real
service: whether its minute slides (here it does), and whether refused calls lengthen the mute (here they do not).
"""

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alerting.dingtalk.settings import RobotSettings

LARGEST_BODY = 20_000
TIMESTAMP_SECONDS = 3600.0

_MARKDOWN_FIELDS = ("title", "text")
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "text": ("content",),
    "markdown": _MARKDOWN_FIELDS,
    "link": (*_MARKDOWN_FIELDS, "messageUrl"),
    "actionCard": _MARKDOWN_FIELDS,
    "feedCard": ("links",),
}


@dataclass(frozen=True)
class Verdict:
    """What the cloud answers."""

    errcode: int
    errmsg: str

    @property
    def accepted(self) -> bool:
        """Whether the message is in the group."""
        return self.errcode == 0


OK = Verdict(0, "ok")


@dataclass(frozen=True)
class Received:
    """One call of a robot, and what became of it."""

    number: int
    time: float
    robot: str
    verdict: Verdict
    msgtype: str = ""
    title: str = ""
    text: str = ""
    mentions: tuple[str, ...] = ()
    repeated: bool = False
    """The same msgUuid was here before: taken, and not shown again."""


@dataclass
class _Account:
    """What the cloud knows of one robot."""

    name: str
    settings: RobotSettings
    sent: deque[float] = field(default_factory=deque)
    muted_until: float = 0.0
    known_ids: set[str] = field(default_factory=set)


class Cloud:
    """The robots' side of DingTalk."""

    def __init__(self, robots: Mapping[str, RobotSettings]) -> None:
        self.received: list[Received] = []
        self._accounts = {
            settings.access_token.get_secret_value(): _Account(name, settings) for name, settings in robots.items()
        }

    def robot_of(self, token: str) -> str:
        """The robot's name; empty for an unknown token."""
        account = self._accounts.get(token)
        return account.name if account else ""

    def receive(self, query: Mapping[str, str], body: bytes, now: float) -> Received:
        """Judge one call, and keep it; `now` is Unix time."""
        account = self._accounts.get(query.get("access_token", ""))
        message = _parse(body)
        verdict = self._judge(account, query, body, message, now)
        repeated = False
        if account is not None and verdict.accepted:
            message_id = str(message.get("msgUuid", ""))
            repeated = bool(message_id) and message_id in account.known_ids
            account.known_ids.add(message_id)
        title, text = _words(message)
        one = Received(
            number=len(self.received) + 1,
            time=now,
            robot=account.name if account else "",
            verdict=verdict,
            msgtype=str(message.get("msgtype", "")),
            title=title,
            text=text,
            mentions=_mentions(message, text),
            repeated=repeated,
        )
        self.received.append(one)
        return one

    def refuse(self, query: Mapping[str, str], body: bytes, now: float, verdict: Verdict) -> Received:
        """Keep a call that is answered by an injected fault, unread by the rules."""
        message = _parse(body)
        title, text = _words(message)
        robot, kind = self.robot_of(query.get("access_token", "")), str(message.get("msgtype", ""))
        one = Received(len(self.received) + 1, now, robot, verdict, kind, title, text)
        self.received.append(one)
        return one

    def _judge(
        self, account: _Account | None, query: Mapping[str, str], body: bytes, message: Mapping[str, Any], now: float
    ) -> Verdict:
        if account is None:
            return Verdict(300001, "token is not exist")
        if refused := _check_rate(account, now):
            return refused
        if refused := _check_signature(account.settings, query, now):
            return refused
        if len(body) > LARGEST_BODY:
            return Verdict(460101, f"message too long, {len(body)} bytes of at most {LARGEST_BODY}")
        return _check_message(account.settings, message)


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(body)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _words(message: Mapping[str, Any]) -> tuple[str, str]:
    """The title and text of a message of any type."""
    content = message.get(str(message.get("msgtype")))
    if not isinstance(content, dict):
        return "", ""
    return str(content.get("title", "")), str(content.get("text", content.get("content", "")))


def _mentions(message: Mapping[str, Any], text: str) -> tuple[str, ...]:
    """Who is mentioned: those in `at` whose number also stands in the text."""
    at = message.get("at")
    wanted = [*at.get("atMobiles", []), *at.get("atUserIds", [])] if isinstance(at, dict) else []
    return tuple(str(one) for one in wanted if f"@{one}" in text)


def _check_rate(account: _Account, now: float) -> Verdict | None:
    """Every call within the limit counts, taken or not; the first one over it mutes the robot."""
    limit = account.settings.rate_limit
    if now < account.muted_until:
        return Verdict(130101, "send too fast, robot is muted")
    while account.sent and account.sent[0] <= now - limit.per:
        account.sent.popleft()
    if len(account.sent) >= limit.messages:
        account.muted_until = now + limit.mute
        return Verdict(130101, f"send too fast, exceed {limit.messages} times per {limit.per:g} seconds")
    account.sent.append(now)
    return None


def _check_signature(settings: RobotSettings, query: Mapping[str, str], now: float) -> Verdict | None:
    if settings.secret is None:
        return None
    timestamp, given = query.get("timestamp", ""), query.get("sign", "")
    if not timestamp.isdecimal() or abs(int(timestamp) / 1000 - now) > TIMESTAMP_SECONDS:
        return Verdict(310000, "invalid timestamp, more than one hour from now")
    secret = settings.secret.get_secret_value()
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(digest), given.encode()):
        return Verdict(310000, "sign not match")
    return None


def _check_message(settings: RobotSettings, message: Mapping[str, Any]) -> Verdict:
    if not message:
        return Verdict(40035, "invalid json")
    kind = str(message.get("msgtype"))
    if kind not in _REQUIRED:
        return Verdict(400105, "unsupported msgtype")
    content = message.get(kind)
    if not isinstance(content, dict) or not all(content.get(name) for name in _REQUIRED[kind]):
        return Verdict(43004, f"{kind} needs {', '.join(_REQUIRED[kind])}")
    words = json.dumps(content, ensure_ascii=False)
    if settings.keywords and not any(keyword in words for keyword in settings.keywords):
        return Verdict(310000, "keywords not in content")
    return OK
