"""How DingTalk's cloud judges a robot's message. Time is passed in; nothing here knows of sockets.

Source: DingTalk's custom robot documentation; where it is silent, the stricter reading. Not verified against the real
service: whether its minute slides (here it does), whether refused calls count (here they do) and whether they lengthen
the mute (here they do not), and how long a `msgUuid` is remembered (here for good).
"""

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.dingtalk.settings import RateLimit, RobotSettings
from alerting.dingtalk.standin.message import Message, read_message

LARGEST_BODY = 20_000
TIMESTAMP_SECONDS = 3600.0
KEPT = 2000
"""Calls that are remembered for those who ask."""


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
class Call:
    """One request of a robot, as it came."""

    query: Mapping[str, str]
    content_type: str
    body: bytes

    @property
    def token(self) -> str:
        """Which robot it wants to be."""
        return self.query.get("access_token", "")


@dataclass(frozen=True)
class Received:
    """A call, and what became of it."""

    number: int
    time: float
    """Unix time."""
    robot: str
    verdict: Verdict
    size: int
    """Bytes of the body."""
    message: Message
    repeated: bool = False
    """The same msgUuid was here before: taken, and not shown again."""


@dataclass
class _Account:
    """What the cloud knows of one robot."""

    name: str
    settings: RobotSettings
    calls: deque[float] = field(default_factory=deque)
    muted_until: float = 0.0
    known_ids: set[str] = field(default_factory=set)


class Cloud:
    """The robots' side of DingTalk."""

    def __init__(self, robots: Mapping[str, RobotSettings], limit: RateLimit) -> None:
        """`limit` is the cloud's own; what the settings say of it is the robots' owner's belief."""
        self._limit = limit
        self._count = 0
        self._received: deque[Received] = deque(maxlen=KEPT)
        self._accounts = {one.access_token.get_secret_value(): _Account(name, one) for name, one in robots.items()}

    def received(self, after: int = 0) -> list[Received]:
        """The calls after the one of this number, oldest first."""
        return [one for one in self._received if one.number > after]

    def name_of(self, call: Call) -> str:
        """The robot that calls; empty when its token is unknown."""
        account = self._accounts.get(call.token)
        return account.name if account else ""

    def receive(self, call: Call, now: float, elapsed: float) -> Received:
        """Judge one call, and keep it; `now` is Unix time, `elapsed` the seconds by which the rate is measured."""
        account = self._accounts.get(call.token)
        message = read_message(call.body)
        verdict = self._judge(account, call, message, now, elapsed)
        repeated = False
        if account is not None and message is not None and message.message_id and verdict.accepted:
            repeated = message.message_id in account.known_ids
            account.known_ids.add(message.message_id)
        return self._keep(call, message, now, verdict, repeated=repeated)

    def refuse(self, call: Call, now: float, verdict: Verdict) -> Received:
        """Keep a call that an injected fault answers, unread by the rules."""
        return self._keep(call, read_message(call.body), now, verdict)

    def _keep(
        self, call: Call, message: Message | None, now: float, verdict: Verdict, *, repeated: bool = False
    ) -> Received:
        self._count += 1
        one = Received(self._count, now, self.name_of(call), verdict, len(call.body), message or Message(), repeated)
        self._received.append(one)
        return one

    def _judge(
        self, account: _Account | None, call: Call, message: Message | None, now: float, elapsed: float
    ) -> Verdict:
        if account is None:
            return Verdict(300001, "token is not exist")
        return (
            self._check_rate(account, elapsed)
            or _check_signature(account.settings, call.query, now)
            or _check_request(call)
            or _check_message(account.settings, message)
        )

    def _check_rate(self, account: _Account, now: float) -> Verdict | None:
        """Every call within the limit counts, taken or not; the first one over it mutes the robot."""
        if now < account.muted_until:
            return Verdict(130101, f"send too fast, the robot is muted for {account.muted_until - now:.0f} s")
        while account.calls and account.calls[0] <= now - self._limit.per:
            account.calls.popleft()
        if len(account.calls) >= self._limit.messages:
            account.muted_until = now + self._limit.mute
            return Verdict(130101, f"send too fast, exceed {self._limit.messages} times per {self._limit.per:g} s")
        account.calls.append(now)
        return None


def _check_signature(settings: RobotSettings, query: Mapping[str, str], now: float) -> Verdict | None:
    """Written apart from the bridge's signing on purpose: one mistake must not hide behind the other."""
    if settings.secret is None:
        return None
    timestamp, given = query.get("timestamp", ""), query.get("sign", "")
    if not (timestamp.isascii() and timestamp.isdecimal()) or abs(int(timestamp) / 1000 - now) > TIMESTAMP_SECONDS:
        return Verdict(310000, "invalid timestamp, more than one hour from now")
    secret = settings.secret.get_secret_value()
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(digest), given.encode()):
        return Verdict(310000, "sign not match")
    return None


def _check_request(call: Call) -> Verdict | None:
    if len(call.body) > LARGEST_BODY:
        return Verdict(460101, f"message too long: {len(call.body)} bytes of at most {LARGEST_BODY}")
    if call.content_type != "application/json":
        return Verdict(43004, "the content type must be application/json")
    return None


def _check_message(settings: RobotSettings, message: Message | None) -> Verdict:
    if message is None:
        return Verdict(40035, "the body is no JSON object")
    if message.fault:
        return Verdict(400105 if not message.kind_is_known else 40035, message.fault)
    if not message.has_keyword(settings.keywords):
        return Verdict(310000, "keywords not in content")
    return OK
