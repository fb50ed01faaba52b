"""What an exception of the HTTP client, or a status, means."""

import os
import ssl

import aiohttp

from tapwatch.errors import PollError, PollReason

FAILURES: tuple[tuple[type[Exception], PollReason], ...] = (
    (aiohttp.ClientConnectorDNSError, PollReason.RESOLVE),
    (aiohttp.ClientSSLError, PollReason.TLS),
    (ssl.SSLError, PollReason.TLS),  # a server may refuse our certificate after the handshake
    (TimeoutError, PollReason.TIMEOUT),
    (aiohttp.ClientConnectorError, PollReason.CONNECT),
    (aiohttp.ClientConnectionError, PollReason.DISCONNECT),
    (aiohttp.ClientPayloadError, PollReason.DISCONNECT),
    (aiohttp.ClientError, PollReason.GARBLED),
    (OSError, PollReason.DISCONNECT),
)
"""What each exception of the HTTP client means; the first that fits counts."""

CAUGHT = tuple(kind for kind, _ in FAILURES)

_STATUSES = {
    401: PollReason.UNAUTHORIZED,
    403: PollReason.FORBIDDEN,
    404: PollReason.MISSING,
    429: PollReason.UNHEALTHY,  # too many requests: its flow control sheds load
}
_FIRST_SERVER_ERROR = 500


class StatusError(PollError):
    """A request that was answered with an HTTP status other than 2xx."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(reason_of_status(status), message)


def reason_of_status(status: int) -> PollReason:
    """Why a request failed that was answered with an HTTP status other than 2xx."""
    if status >= _FIRST_SERVER_ERROR:
        return PollReason.UNHEALTHY
    return _STATUSES.get(status, PollReason.GARBLED)


def reason_of(error: Exception) -> PollReason:
    """The reason for an exception of the HTTP client, told from what lies behind it where that says more."""
    match error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__:
        case ssl.SSLError():
            return PollReason.TLS
        case ConnectionResetError():  # accepted and closed again, as a load balancer does that has no server left
            return PollReason.DISCONNECT
    return next(reason for kind, reason in FAILURES if isinstance(error, kind))


def poll_error(error: Exception, connect_timeout: float, timeout: float) -> PollError:
    """An exception of the HTTP client as ours; the two limits, in seconds, are told where they were passed."""
    return PollError(reason_of(error), _explain(error, connect_timeout, timeout))


def _explain(error: Exception, connect_timeout: float, timeout: float) -> str:
    """In words for people; aiohttp's own show its objects."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {connect_timeout:g} s"
        case TimeoutError():
            return f"no answer within {timeout:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return str(error.certificate_error)
        case aiohttp.ClientConnectorDNSError() | aiohttp.ClientSSLError():
            return error.os_error.strerror or str(error.os_error)
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            return os.strerror(number) if number else "the connection was closed during the TLS handshake"
        case _:
            return str(error) or type(error).__name__
