"""The table of the HTTP client's exceptions."""

import ssl

import aiohttp
import pytest

from exporters.cluster.failure import FAILURES, reason_of
from tapwatch.errors import PollReason


def every_kind(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(every_kind(kind) for kind in root.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(every_kind(aiohttp.ClientError), key=str), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_client_has_a_reason(kind: type[Exception]) -> None:
    assert any(issubclass(kind, known) for known, _ in FAILURES)


@pytest.mark.parametrize("position", range(len(FAILURES)))
def test_no_line_of_the_table_is_hidden_by_one_above(position: int) -> None:
    kind, _ = FAILURES[position]
    assert not any(issubclass(kind, above) for above, _ in FAILURES[:position])


def test_a_failure_of_tls_is_told_from_its_cause() -> None:
    """A server that refuses our certificate says so after the handshake, when the client is reading."""
    error = aiohttp.ClientOSError(1, "alert")
    error.__cause__ = ssl.SSLError(1, "TLSV13_ALERT_CERTIFICATE_REQUIRED")
    assert reason_of(error) is PollReason.TLS
    assert reason_of(aiohttp.ClientOSError(104, "reset")) is PollReason.DISCONNECT
