"""The signature and the table of answers."""

import aiohttp
import pytest

from alerting.dingtalk.errcode import MEANINGS
from alerting.dingtalk.robot import FAILURES, sign
from tapwatch.errors import DeliveryReason


def test_the_signature_is_the_one_that_openssl_makes() -> None:
    """Printf '1700000000000\\nSECabc' | openssl dgst -sha256 -hmac SECabc -binary | base64."""  # noqa: D301 - a command
    assert sign(1700000000000, "SECabc") == "jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM="


@pytest.mark.parametrize(
    ("errcodes", "reason", "retryable"),
    [
        ([-1], DeliveryReason.BUSY, True),
        ([130101, 410100], DeliveryReason.RATE_LIMITED, True),
        ([310000], DeliveryReason.REFUSED, True),
        ([300001, 300005, 400101], DeliveryReason.BAD_TOKEN, True),
        ([400013, 400102, 400106], DeliveryReason.ROBOT_GONE, True),
        ([101002, 460101], DeliveryReason.TOO_LONG, False),
        ([40035, 43002, 43004, 400105, 430101, 430102, 430103, 430104], DeliveryReason.BAD_MESSAGE, False),
        ([90030, 88, 90018, 90020, 90002], DeliveryReason.QUOTA, True),
    ],
)
def test_every_errcode_has_its_reason_and_what_mends_it(
    errcodes: list[int], reason: DeliveryReason, *, retryable: bool
) -> None:
    for errcode in errcodes:
        meaning = MEANINGS[errcode]
        assert (meaning.reason, meaning.retryable) == (reason, retryable)
        assert meaning.advice


def test_the_table_holds_no_errcode_that_no_test_names() -> None:
    assert len(MEANINGS) == 1 + 2 + 1 + 3 + 3 + 2 + 8 + 5


def every_subclass(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(every_subclass(one) for one in kind.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(every_subclass(aiohttp.ClientError) | {TimeoutError}, key=repr))
def test_whatever_the_library_raises_has_a_reason(kind: type[Exception]) -> None:
    assert any(issubclass(kind, known) for known, _, _ in FAILURES)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (aiohttp.ConnectionTimeoutError, DeliveryReason.CONNECT),
        (aiohttp.SocketTimeoutError, DeliveryReason.TIMEOUT),
        (TimeoutError, DeliveryReason.TIMEOUT),
        (aiohttp.ClientConnectorDNSError, DeliveryReason.CONNECT),
        (aiohttp.ClientConnectorError, DeliveryReason.CONNECT),
        (aiohttp.ClientConnectorCertificateError, DeliveryReason.TLS),
        (aiohttp.ClientConnectorSSLError, DeliveryReason.TLS),
        (aiohttp.ServerDisconnectedError, DeliveryReason.DISCONNECT),
        (aiohttp.ClientOSError, DeliveryReason.DISCONNECT),
        (aiohttp.ClientPayloadError, DeliveryReason.DISCONNECT),
    ],
)
def test_the_special_comes_before_the_general(kind: type[Exception], reason: DeliveryReason) -> None:
    assert next(reason for known, reason, _ in FAILURES if issubclass(kind, known)) == reason
