"""Alertmanager's API v2: which alerts are active, and silences. The only module that calls it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aiohttp
from pydantic import TypeAdapter, ValidationError

from alerting.payload import Alert, silence_of
from tapwatch.errors import PollError, PollReason

TIMEOUT = aiohttp.ClientTimeout(5)
OK = 200

FAILURES: tuple[tuple[type[Exception], PollReason], ...] = (
    (aiohttp.ConnectionTimeoutError, PollReason.CONNECT),
    (TimeoutError, PollReason.TIMEOUT),
    (aiohttp.ClientSSLError, PollReason.TLS),
    (aiohttp.ClientConnectorError, PollReason.CONNECT),
    (aiohttp.ClientError, PollReason.DISCONNECT),
)
"""What the library raises, the special before the general."""

_ALERTS = TypeAdapter(list[Alert])


async def active_alerts(session: aiohttp.ClientSession, url: str, receivers: str, severities: str) -> list[Alert]:
    """Firing alerts that people should have heard of: neither silenced nor inhibited. Raises PollError.

    `receivers` and `severities` are regular expressions over the whole name.
    """
    query = [
        ("active", "true"),
        ("silenced", "false"),
        ("inhibited", "false"),
        ("unprocessed", "false"),
        ("receiver", receivers),
        ("filter", f'severity=~"{severities}"'),
    ]
    found = await _call(session, "GET", f"{url}/api/v2/alerts", params=query)
    try:
        return _ALERTS.validate_python([{**one, "status": "firing"} for one in found])
    except (ValidationError, TypeError) as error:
        raise PollError(PollReason.GARBLED, f"{url} does not answer as Alertmanager does") from error


async def silence(
    session: aiohttp.ClientSession,
    urls: Sequence[str],
    matchers: Mapping[str, str],
    period: tuple[datetime, datetime],
    words: tuple[str, str],
) -> str:
    """Silence the alerts with exactly these labels, in a cluster through whichever member answers; the silence's id.

    `period` is from when to when, `words` are the person and the comment. Raises PollError.
    """
    body = silence_of(matchers, period, words)
    failure = PollError(PollReason.CONNECT, "no Alertmanager is in the settings")
    for url in urls:
        try:
            answer = await _call(session, "POST", f"{url}/api/v2/silences", json=body)
        except PollError as error:
            failure = error
            continue
        if isinstance(answer, dict) and answer.get("silenceID"):
            return str(answer["silenceID"])
        failure = PollError(PollReason.GARBLED, f"{url} does not answer as Alertmanager does")
    raise failure


async def _call(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Any:  # noqa: ANN401 - JSON, passed through
    try:
        async with session.request(method, url, timeout=TIMEOUT, **options) as response:
            if response.status != OK:
                raise PollError(PollReason.UNHEALTHY, f"{url} answers HTTP status {response.status}")
            return await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = next((reason for kind, reason in FAILURES if isinstance(error, kind)), PollReason.GARBLED)
        raise PollError(reason, f"{url}: {type(error).__name__}") from error
