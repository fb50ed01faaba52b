r"""One DingTalk robot: signs, sends and reads the answer. The only module that calls DingTalk.

Protocol: DingTalk's custom robot. `POST /robot/send?access_token=...&timestamp=...&sign=...`, where sign is
base64(HMAC-SHA256(secret, "timestamp\nsecret")) and timestamp is in milliseconds; errors come with HTTP 200 and an
`errcode` in the body.
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import random
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog

from alerting.dingtalk.errcode import MEANINGS, UNKNOWN
from alerting.dingtalk.message import Message
from alerting.dingtalk.ratelimit import RateBudget
from alerting.dingtalk.settings import RobotSettings
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

# Before Alertmanager's own patience ends, and so that a passing fault costs no group_interval.
TRIES = 3
_FIRST_WAIT_SECONDS = 0.3

_AGAIN_AT_ONCE = frozenset({DeliveryReason.CONNECT, DeliveryReason.TIMEOUT, DeliveryReason.HTTP, DeliveryReason.BUSY})


def sign(timestamp_ms: int, secret: str) -> str:
    """The signature that goes with a request sent at `timestamp_ms`, Unix time in milliseconds."""
    digest = hmac.new(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def encode_body(message: Message, message_id: str, *, plain: bool = False) -> bytes:
    """The request's body, as bytes of UTF-8; non-ASCII stays as it is, since escaping doubles Chinese."""
    body: dict[str, Any] = {"msgUuid": message_id}
    if plain:
        body |= {"msgtype": "text", "text": {"content": message.text}}
    else:
        body |= {"msgtype": "markdown", "markdown": {"title": message.title, "text": message.text}}
    return json.dumps(body, ensure_ascii=False).encode()


class Robot:
    """Sends messages to one group chat, within what DingTalk allows."""

    def __init__(self, name: str, settings: RobotSettings, session: aiohttp.ClientSession, timeout: float) -> None:
        self.name = name
        self.settings = settings
        limit = settings.rate_limit
        self.budget = RateBudget(limit.messages, limit.per, limit.mute)
        self._session = session
        self._timeout = aiohttp.ClientTimeout(timeout)

    async def send(self, message: Message, message_id: str) -> None:
        """Return when DingTalk has said errcode 0; raises DeliveryError.

        A passing fault is tried again a few times with the same `message_id`, by which DingTalk knows a repetition.
        A message that DingTalk cannot read is sent once more as plain text.
        """
        plain = False
        for attempt in range(1, TRIES + 1):
            try:
                await self._send_once(encode_body(message, message_id, plain=plain))
            except DeliveryError as error:
                unreadable = error.reason is DeliveryReason.BAD_MESSAGE and not plain
                if attempt == TRIES or not (unreadable or error.reason in _AGAIN_AT_ONCE):
                    raise
                log.info("dingtalk.retry", robot=self.name, attempt=attempt, reason=error.reason, error=str(error))
                plain = plain or unreadable
                await _wait(attempt)
            else:
                return

    async def _send_once(self, body: bytes) -> None:
        self.budget.take(time.monotonic())
        try:
            async with self._session.post(
                self.settings.url,
                params=self._query(),
                data=body,
                headers={"Content-Type": "application/json; charset=utf-8"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                status, text = response.status, await response.text(errors="replace")
        except TimeoutError:
            raise DeliveryError(DeliveryReason.TIMEOUT, "no answer in time", retryable=True) from None
        except aiohttp.ClientError as error:
            # The library's own words may hold the address, and the address holds the token.
            raise DeliveryError(DeliveryReason.CONNECT, type(error).__name__, retryable=True) from None
        self._judge(status, text)

    def _query(self) -> dict[str, str]:
        query = {"access_token": self.settings.access_token.get_secret_value()}
        if self.settings.secret is not None:
            timestamp = int(time.time() * 1000)
            query |= {"timestamp": str(timestamp), "sign": sign(timestamp, self.settings.secret.get_secret_value())}
        return query

    def _judge(self, status: int, text: str) -> None:
        """Raises DeliveryError unless the answer says that the message is delivered."""
        if status != http.client.OK:
            raise DeliveryError(DeliveryReason.HTTP, f"HTTP status {status}", retryable=True)
        answer = _as_object(text)
        if "errcode" not in answer:
            banned = str(answer.get("status")) == "1111" or "<html" in text[:200].lower()
            reason = DeliveryReason.BANNED if banned else DeliveryReason.MALFORMED_ANSWER
            raise DeliveryError(reason, "HTTP 200 without an errcode", retryable=True)
        code = _as_number(answer["errcode"])
        if code == 0:
            return
        meaning = UNKNOWN if code is None else MEANINGS.get(code, UNKNOWN)
        if meaning.reason is DeliveryReason.RATE_LIMITED:
            self.budget.mute(time.monotonic())
        detail = f"errcode {answer['errcode']!s:.20}: {answer.get('errmsg', '')!s:.200}; {meaning.advice}"
        raise DeliveryError(meaning.reason, self._masked(detail), retryable=meaning.retryable)

    def _masked(self, text: str) -> str:
        """Without our secrets, should DingTalk repeat them."""
        for secret in (self.settings.access_token, self.settings.secret):
            if secret is not None:
                text = text.replace(secret.get_secret_value(), "***")
        return text


def _as_object(text: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _as_number(code: object) -> int | None:
    """An errcode, which may be a number or a string with one."""
    try:
        return int(str(code))
    except ValueError:
        return None


async def _wait(attempt: int) -> None:
    """Longer each time, and never the same for two replicas."""
    await asyncio.sleep(_FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
