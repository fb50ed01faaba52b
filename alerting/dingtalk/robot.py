r"""One call of a DingTalk robot: signed, sent, and its answer judged. The only module that calls DingTalk.

Protocol: DingTalk's custom robot. `POST /robot/send?access_token=...&timestamp=...&sign=...`, where sign is
base64(HMAC-SHA256(secret, "timestamp\nsecret")) and timestamp is in milliseconds; errors come with HTTP 200 and an
`errcode` in the body.
"""

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from alerting.dingtalk.errcode import MEANINGS, UNKNOWN
from alerting.dingtalk.markup import without_mobiles
from alerting.dingtalk.settings import RobotSettings
from tapwatch.errors import DeliveryError, DeliveryReason

LARGEST_ANSWER_BYTES = 64 * 1024
_BANNED_STATUS = 1111

FAILURES: tuple[tuple[type[Exception], DeliveryReason, str], ...] = (
    (aiohttp.ConnectionTimeoutError, DeliveryReason.CONNECT, "no connection in time"),
    (TimeoutError, DeliveryReason.TIMEOUT, "no answer in time"),
    (aiohttp.ClientSSLError, DeliveryReason.TLS, "the certificate is not trusted"),
    (aiohttp.ClientConnectorError, DeliveryReason.CONNECT, "no connection"),
    (aiohttp.ClientError, DeliveryReason.DISCONNECT, "the connection broke before the answer"),
)
"""What the library raises, the special before the general."""


def sign(timestamp_ms: int, secret: str) -> str:
    """The signature that goes with a request sent at `timestamp_ms`, Unix time in milliseconds."""
    digest = hmac.new(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class Robot:
    """A robot's address and credentials."""

    def __init__(
        self, settings: RobotSettings, session: aiohttp.ClientSession, timeout: float, clock: Callable[[], float]
    ) -> None:
        """`timeout` in seconds is for a whole call; `clock` gives Unix time."""
        self._settings = settings
        self._session = session
        self._timeout = aiohttp.ClientTimeout(timeout)
        self._clock = clock

    async def call(self, body: bytes) -> None:
        """Return when DingTalk has said errcode 0; raises DeliveryError, with nothing secret in it."""
        try:
            async with self._session.post(
                self._settings.url,
                params=self._query(),
                data=body,
                headers={"Content-Type": "application/json; charset=utf-8"},
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                status, text = response.status, await _text(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            # The library's own words may hold the address, and the address holds the token: so no `from error`.
            reason, why = next((reason, why) for kind, reason, why in FAILURES if isinstance(error, kind))
            raise DeliveryError(reason, f"{why} ({type(error).__name__})", retryable=True) from None
        self._judge(status, text)

    def _query(self) -> dict[str, str]:
        query = {"access_token": self._settings.access_token.get_secret_value()}
        if self._settings.secret is not None:
            timestamp = int(self._clock() * 1000)
            query |= {"timestamp": str(timestamp), "sign": sign(timestamp, self._settings.secret.get_secret_value())}
        return query

    def _judge(self, status: int, text: str) -> None:
        """Raises DeliveryError unless the answer says that the message is delivered."""
        if status != http.client.OK:
            raise DeliveryError(DeliveryReason.HTTP, f"HTTP status {status}", retryable=True)
        answer = _as_object(text)
        if "errcode" not in answer:
            banned = _as_number(answer.get("status")) == _BANNED_STATUS or "<html" in text[:1000].lower()
            reason = DeliveryReason.BANNED if banned else DeliveryReason.MALFORMED_ANSWER
            raise DeliveryError(reason, "HTTP status 200 without an errcode", retryable=True)
        code = _as_number(answer["errcode"])
        if code == 0:
            return
        meaning = UNKNOWN if code is None else MEANINGS.get(code, UNKNOWN)
        detail = self._masked(f"errcode {answer['errcode']!s:.20}: {answer.get('errmsg', '')!s:.500}")
        raise DeliveryError(meaning.reason, f"{detail}; {meaning.advice}", retryable=meaning.retryable)

    def _masked(self, text: str) -> str:
        """Without our secrets and anybody's number, should DingTalk repeat them."""
        for secret in (self._settings.access_token, self._settings.secret):
            if secret is not None:
                text = text.replace(secret.get_secret_value(), "***")
        return without_mobiles(text)


async def _text(response: aiohttp.ClientResponse) -> str:
    """The answer's beginning: what is longer is none of DingTalk's."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= LARGEST_ANSWER_BYTES:
            break
    return b"".join(parts).decode(errors="replace")


def _as_object(text: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _as_number(code: object) -> int | None:
    """An errcode, which may be a number or a string with one; nothing else is one."""
    if isinstance(code, bool) or not isinstance(code, int | str):
        return None
    try:
        return int(code)
    except ValueError:
        return None
