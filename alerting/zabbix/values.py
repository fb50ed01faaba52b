"""Values for Zabbix' items, and whether each was taken: by history.push, or by the trapper."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zabbix_utils import AsyncSender, ItemValue
from zabbix_utils.exceptions import ProcessingError

from alerting.zabbix.api import Api
from tapwatch.errors import DeliveryError, DeliveryReason

CHUNK = 1000
"""Values in one request."""

FAILURES: tuple[tuple[type[Exception], DeliveryReason], ...] = (
    (TimeoutError, DeliveryReason.TIMEOUT),
    (ProcessingError, DeliveryReason.CONNECT),
    (json.JSONDecodeError, DeliveryReason.MALFORMED_ANSWER),
    (asyncio.IncompleteReadError, DeliveryReason.DISCONNECT),
    (OSError, DeliveryReason.DISCONNECT),
)
"""What the sender raises, the special before the general; its ProcessingError is about connections."""


@dataclass(frozen=True)
class Value:
    """One value of one item."""

    host: str
    key: str
    value: str


class Channel(Protocol):
    """A way to Zabbix."""

    async def push(self, values: Sequence[Value]) -> list[str | None]:
        """For each value None when Zabbix took it, else why not. Raises DeliveryError when nothing could be sent."""


class HistoryPush:
    """The API's history.push, of 7.0 and later, which says for each item what is wrong."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def push(self, values: Sequence[Value]) -> list[str | None]:
        """As the protocol says."""
        answers: list[str | None] = []
        for start in range(0, len(values), CHUNK):
            chunk = [vars(value) for value in values[start : start + CHUNK]]
            result = await self._api.call("history.push", chunk)
            if result.get("response") != "success" or len(result.get("data", ())) != len(chunk):
                said = str(result.get("info") or result.get("error") or "an answer without data")
                raise DeliveryError(DeliveryReason.NOT_TAKEN, f"history.push: {said}", retryable=True)
            answers += [_words(one.get("error")) for one in result["data"]]
        return answers


class Trapper:
    """The server's or a proxy's trapper, by zabbix_utils.

    It tells how many values of a request failed and not which, so a request with failures is halved until it is known.
    A value that was taken already is sent again by that, which changes nothing for an item that holds a state.
    """

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        self._address = address
        self._timeout = timeout

    async def push(self, values: Sequence[Value]) -> list[str | None]:
        """As the protocol says."""
        answers: list[str | None] = []
        for start in range(0, len(values), CHUNK):
            answers += await self._push(values[start : start + CHUNK])
        return answers

    async def _push(self, values: Sequence[Value]) -> list[str | None]:
        failed = await self._send(values)
        if failed == 0:
            return [None] * len(values)
        if failed == len(values):
            return ["the trapper did not take it; it gives no reason"] * len(values)
        middle = len(values) // 2
        return [*await self._push(values[:middle]), *await self._push(values[middle:])]

    async def _send(self, values: Sequence[Value]) -> int:
        """How many failed."""
        host, port = self._address
        sender = AsyncSender(host, port, timeout=int(self._timeout) or 1, chunk_size=CHUNK)
        items = [ItemValue(value.host, value.key, value.value) for value in values]
        try:
            async with asyncio.timeout(self._timeout):
                return int((await sender.send(items)).failed)
        except tuple(kind for kind, _ in FAILURES) as error:
            reason = next(reason for kind, reason in FAILURES if isinstance(error, kind))
            text = f"Zabbix' trapper at {host}:{port}: {type(error).__name__}"
            raise DeliveryError(reason, text, retryable=True) from error


def _words(error: object) -> str | None:
    if error is None or error == []:
        return None
    return "; ".join(map(str, error)) if isinstance(error, list) else str(error)
