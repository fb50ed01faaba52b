"""Zabbix' API by pyzabbix, in threads. The only module that calls it."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from pydantic import SecretStr
from pyzabbix.api import ZabbixAPI, ZabbixAPIException

from tapwatch.errors import DeliveryError, DeliveryReason

logging.getLogger("pyzabbix").setLevel(logging.WARNING)  # below, it logs whole requests, tokens included

FAILURES: tuple[tuple[type[Exception], DeliveryReason], ...] = (
    (requests.exceptions.SSLError, DeliveryReason.TLS),
    (requests.exceptions.ConnectTimeout, DeliveryReason.CONNECT),
    (requests.exceptions.Timeout, DeliveryReason.TIMEOUT),
    (requests.exceptions.HTTPError, DeliveryReason.HTTP),
    (requests.exceptions.ChunkedEncodingError, DeliveryReason.DISCONNECT),
    (requests.exceptions.ConnectionError, DeliveryReason.CONNECT),
    (requests.exceptions.RequestException, DeliveryReason.CONNECT),
)
"""What the library raises, the special before the general."""

_REFUSALS = (
    ("Not authorized", DeliveryReason.BAD_TOKEN),
    ("Not authorised", DeliveryReason.BAD_TOKEN),
    ("Session terminated", DeliveryReason.BAD_TOKEN),
    ("API token expired", DeliveryReason.BAD_TOKEN),
    ("No permissions", DeliveryReason.FORBIDDEN),
    ("You do not have permission", DeliveryReason.FORBIDDEN),
)
"""Zabbix' own words, as its errors have no codes that tell these apart."""

Version = tuple[int, int]

Params = Mapping[str, Any] | Sequence[Any]


class Api:
    """One Zabbix and one account."""

    def __init__(self, url: str, token: SecretStr, timeout: float) -> None:
        self._url = url
        self._token = token
        self._timeout = timeout
        self._local = threading.local()
        self._version: Version | None = None
        self._user_id: str | None = None

    async def version(self) -> Version:
        """The API's version, as (7, 0). Raises DeliveryError."""
        return await asyncio.to_thread(self.version_now) if self._version is None else self._version

    def version_now(self) -> Version:
        """As `version`, in the caller's own thread."""
        version = self._client().version
        assert version is not None  # noqa: S101 - login has set it
        known = version.major, version.minor
        self._version = known
        return known

    async def user_id(self) -> str:
        """The account's own id, to tell its updates from people's; empty when Zabbix does not say."""
        if self._user_id is None:
            question = {"token": self._token.get_secret_value(), "output": ["userid"]}
            found = await self.call("token.get", question)
            self._user_id = str(found[0]["userid"]) if found else ""
        return self._user_id

    async def call(self, method: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        """The result of a method; raises DeliveryError, which is always worth another try once the fault is gone."""
        return await asyncio.to_thread(self.call_now, method, params)

    def call_now(self, method: str, params: Params) -> Any:  # noqa: ANN401 - JSON
        """As `call`, in the caller's own thread."""
        try:
            return self._client().do_request(method, params)["result"]
        except (requests.exceptions.RequestException, ZabbixAPIException) as error:
            raise _delivery_error(method, error) from None  # pyzabbix' error may hold the request

    def _client(self) -> ZabbixAPI:
        """A client for each thread: a session of requests is not to be shared."""
        client: ZabbixAPI | None = getattr(self._local, "client", None)
        if client is None:
            client = ZabbixAPI(self._url, timeout=self._timeout)
            try:
                client.login(api_token=self._token.get_secret_value())
            except (requests.exceptions.RequestException, ZabbixAPIException) as error:
                raise _delivery_error("apiinfo.version", error) from None
            self._local.client = client
        return client


def _delivery_error(method: str, error: Exception) -> DeliveryError:
    if isinstance(error, ZabbixAPIException):
        return _refusal(method, error)
    reason = next(reason for kind, reason in FAILURES if isinstance(error, kind))
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return DeliveryError(reason, f"Zabbix' API answers HTTP status {error.response.status_code}", retryable=True)
    return DeliveryError(reason, f"Zabbix' API: {type(error).__name__} at {method}", retryable=True)


def _refusal(method: str, error: ZabbixAPIException) -> DeliveryError:
    if error.error is None:
        return DeliveryError(
            DeliveryReason.MALFORMED_ANSWER, f"what answers at {method} is not Zabbix' API", retryable=True
        )
    words = f"{error.error.get('message', '')} {error.error.get('data', '')}".strip()
    reason = next((reason for start, reason in _REFUSALS if start in words), DeliveryReason.BAD_MESSAGE)
    return DeliveryError(reason, f"Zabbix refuses {method}: {words}", retryable=True)
