"""Alertmanager's API v2: alerts in and out, and silences. The only module here that calls it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import aiohttp
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from alerting.payload import silence_of
from tapwatch.errors import DeliveryError, DeliveryReason

CHUNK = 500
"""Alerts in one request."""

FAILURES: tuple[tuple[type[Exception], DeliveryReason], ...] = (
    (aiohttp.ConnectionTimeoutError, DeliveryReason.CONNECT),
    (TimeoutError, DeliveryReason.TIMEOUT),
    (aiohttp.ClientSSLError, DeliveryReason.TLS),
    (aiohttp.ClientConnectorError, DeliveryReason.CONNECT),
    (aiohttp.ClientError, DeliveryReason.DISCONNECT),
    (ValueError, DeliveryReason.MALFORMED_ANSWER),
)
"""What the library raises, the special before the general."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class AlertStatus(_Answer):
    """What Alertmanager does with an alert."""

    state: str
    silenced_by: Annotated[list[str], Field(alias="silencedBy")]


class Receiver(_Answer):
    """A receiver that the alert is routed to."""

    name: str


class ActiveAlert(_Answer):
    """An alert as Alertmanager has it; it fires."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: Annotated[AwareDatetime, Field(alias="startsAt")]
    generator_url: Annotated[str, Field(alias="generatorURL")] = ""
    status: AlertStatus
    receivers: list[Receiver]


class SilenceStatus(_Answer):
    """Whether a silence holds: active, pending or expired."""

    state: str


class Silence(_Answer):
    """A silence as Alertmanager has it."""

    id: str
    created_by: Annotated[str, Field(alias="createdBy")]
    comment: str
    starts_at: Annotated[AwareDatetime, Field(alias="startsAt")]
    ends_at: Annotated[AwareDatetime, Field(alias="endsAt")]
    updated_at: Annotated[AwareDatetime, Field(alias="updatedAt")]
    status: SilenceStatus

    @property
    def active(self) -> bool:
        """It silences now."""
        return self.status.state == "active"


Answer = TypeVar("Answer")

_ALERTS = TypeAdapter(list[ActiveAlert])
_SILENCES = TypeAdapter(list[Silence])


class Alertmanager:
    """A cluster of Alertmanagers by its members' addresses."""

    def __init__(self, urls: Sequence[str], session: aiohttp.ClientSession, timeout: float) -> None:
        self._urls = urls
        self._session = session
        self._timeout = aiohttp.ClientTimeout(timeout)

    async def alerts(self) -> list[ActiveAlert]:
        """All that fires, silenced and inhibited included; from the first member that answers. Raises DeliveryError."""
        return _read(_ALERTS, await self._first("GET", "/api/v2/alerts"))

    async def silences(self) -> list[Silence]:
        """Every silence that it remembers, expired ones included. Raises DeliveryError."""
        return _read(_SILENCES, await self._first("GET", "/api/v2/silences"))

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Hand alerts to every member, as Prometheus does: members share silences, not alerts.

        Raises DeliveryError when none took them.
        """
        for start in range(0, len(alerts), CHUNK):
            await self._all("/api/v2/alerts", list(alerts[start : start + CHUNK]))

    async def silence(self, labels: Mapping[str, str], seconds: float, person: str, comment: str) -> None:
        """Silence the alerts with these labels from now on. Raises DeliveryError."""
        now = datetime.now(UTC)
        body = silence_of(labels, (now, now + timedelta(seconds=seconds)), (person, comment))
        await self._first("POST", "/api/v2/silences", body)

    async def expire(self, silence_id: str) -> None:
        """End a silence. Raises DeliveryError."""
        await self._first("DELETE", f"/api/v2/silence/{silence_id}")

    async def _all(self, path: str, body: object) -> None:
        failures = []
        for url in self._urls:
            try:
                await self._call("POST", f"{url}{path}", body)
            except DeliveryError as error:
                failures.append(error)
        if len(failures) == len(self._urls):
            raise failures[0]

    async def _first(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        failure: DeliveryError | None = None
        for url in self._urls:
            try:
                return await self._call(method, f"{url}{path}", body)
            except DeliveryError as error:
                failure = failure or error
        raise failure or DeliveryError(DeliveryReason.CONNECT, "no Alertmanager is in the settings", retryable=False)

    async def _call(self, method: str, url: str, body: object) -> Any:  # noqa: ANN401 - JSON
        options: dict[str, Any] = {} if body is None else {"json": body}
        try:
            async with self._session.request(method, url, timeout=self._timeout, **options) as response:
                if not response.ok:
                    said = (await response.text())[:200]
                    text = f"{url} answers HTTP status {response.status}: {said}"
                    raise DeliveryError(DeliveryReason.HTTP, text, retryable=True)
                return await response.json() if response.content_type == "application/json" else None
        except tuple(kind for kind, _ in FAILURES) as error:
            reason = next(reason for kind, reason in FAILURES if isinstance(error, kind))
            raise DeliveryError(reason, f"Alertmanager at {url}: {type(error).__name__}", retryable=True) from error


def _read(adapter: TypeAdapter[Answer], answer: object) -> Answer:
    try:
        return adapter.validate_python(answer)
    except ValidationError as error:
        text = "what answers is not Alertmanager's API v2"
        raise DeliveryError(DeliveryReason.MALFORMED_ANSWER, text, retryable=True) from error
