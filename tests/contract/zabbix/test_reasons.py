"""Every exception of the libraries below has a reason, which is the metric label and the first word of the answer."""

import asyncio
import json
from collections.abc import Sequence

import aiohttp
import pytest
import requests
from pyzabbix.api import ZabbixAPIException
from zabbix_utils.exceptions import ProcessingError

from alerting.zabbix import alertmanager, api, values
from tapwatch.errors import DeliveryReason

Table = Sequence[tuple[type[Exception], DeliveryReason]]


def reason(table: Table, error: Exception) -> DeliveryReason:
    return next(reason for kind, reason in table if isinstance(error, kind))


@pytest.mark.parametrize(
    ("table", "error", "expected"),
    [
        (api.FAILURES, requests.exceptions.SSLError(), "tls"),
        (api.FAILURES, requests.exceptions.ConnectTimeout(), "connect"),
        (api.FAILURES, requests.exceptions.ReadTimeout(), "timeout"),
        (api.FAILURES, requests.exceptions.HTTPError(), "http"),
        (api.FAILURES, requests.exceptions.ChunkedEncodingError(), "disconnect"),
        (api.FAILURES, requests.exceptions.InvalidURL(), "connect"),
        (values.FAILURES, TimeoutError(), "timeout"),
        (values.FAILURES, ProcessingError("x"), "connect"),
        (values.FAILURES, json.JSONDecodeError("x", "", 0), "malformed_answer"),
        (values.FAILURES, asyncio.IncompleteReadError(b"", 1), "disconnect"),
        (values.FAILURES, ConnectionResetError(), "disconnect"),
        (alertmanager.FAILURES, aiohttp.ConnectionTimeoutError(), "connect"),
        (alertmanager.FAILURES, TimeoutError(), "timeout"),
        (alertmanager.FAILURES, aiohttp.ServerDisconnectedError(), "disconnect"),
        (alertmanager.FAILURES, ValueError(), "malformed_answer"),
    ],
)
def test_an_exception_has_its_reason(table: Table, error: Exception, expected: str) -> None:
    assert reason(table, error) == expected


def test_every_exception_of_requests_is_mapped() -> None:
    kinds = [kind for kind in vars(requests.exceptions).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, requests.exceptions.RequestException):
            assert any(issubclass(kind, known) for known, _ in api.FAILURES)


def test_pyzabbix_own_exception_is_not_one_of_requests() -> None:
    assert not issubclass(ZabbixAPIException, requests.exceptions.RequestException)
