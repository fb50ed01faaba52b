"""Every error that Tapwatch raises on purpose.

    TapwatchError
    ├── ConfigError      a file that a person wrote is wrong; holds every fault found
    ├── PollError        a device or server could not be read; `reason` says why
    ├── DeliveryError    a message could not be handed over; `reason` says why, `retryable` whether to try again
    └── StoreError       a database could not be read or written; what was to be stored is not

A reason is the metric label and the log field at once, so its values are a contract.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class TapwatchError(Exception):
    """The root of the tree: catch it to catch all that is ours."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in a file that a person wrote."""

    file: str
    line: int | None
    path: str
    """Where in the document, as `dispensers[2].address`; empty for the document as a whole."""
    message: str
    """What is wrong and what would be right, in one sentence."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(TapwatchError):
    """Files that cannot be used; `faults` holds all that is wrong with them, in reading order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Faults:
    """Collects the faults of several files or steps, so that a person sees all of them at once."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Note faults."""
        self._found.extend(faults)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Note the faults of a ConfigError raised inside, and go on after the block."""
        try:
            yield
        except ConfigError as error:
            self.add(*error.faults)

    def raise_if_any(self) -> None:
        """Raises ConfigError when there was any fault."""
        if self._found:
            raise ConfigError(self._found)


class PollReason(StrEnum):
    """Why a dispenser or an API server could not be read."""

    RESOLVE = "resolve"
    """The host name has no address."""
    CONNECT = "connect"
    """Nothing accepts connections at the address."""
    TIMEOUT = "timeout"
    """Connected, but no answer in time: the device is off, hung, or not behind this gateway."""
    DISCONNECT = "disconnect"
    """The connection broke while an answer was awaited."""
    QUEUE = "queue"
    """The gateway was busy with its other units until the deadline."""
    GARBLED = "garbled"
    """Something answered that is not a valid answer to the question."""
    EXCEPTION = "exception"
    """The device refused the request with a Modbus exception."""
    IDENTITY = "identity"
    """The device answers, but it is not of the model that the map describes."""
    TLS = "tls"
    """The server's certificate is not trusted, expired or for another name."""
    UNAUTHORIZED = "unauthorized"
    """The server does not accept our credentials: a token that has expired, a user that it does not know."""
    CREDENTIALS = "credentials"
    """We have no credentials: a file or a credential plugin is missing, fails, or gives nothing usable."""
    FORBIDDEN = "forbidden"
    """The server knows us, and our rights do not allow the request."""
    MISSING = "missing"
    """The server has not what was asked for, as a namespace that was never made."""
    UNHEALTHY = "unhealthy"
    """The server answers, and says itself that it is not well."""


class PollError(TapwatchError):
    """A device or server could not be read."""

    def __init__(self, reason: PollReason, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class DeliveryReason(StrEnum):
    """Why a message was not delivered."""

    CONNECT = "connect"
    """No connection to the receiving service."""
    TLS = "tls"
    """The service's certificate is not trusted, expired or for another name."""
    TIMEOUT = "timeout"
    """No answer in time: it may or may not have been delivered."""
    DISCONNECT = "disconnect"
    """The connection broke before the answer: it may or may not have been delivered."""
    HTTP = "http"
    """An HTTP status other than 200."""
    BANNED = "banned"
    """The service's gateway refuses this address for a while."""
    MALFORMED_ANSWER = "malformed_answer"
    """HTTP 200 without a readable error code, which says nothing about delivery."""
    BUSY = "busy"
    """The service asks for another try."""
    RATE_LIMITED = "rate_limited"
    """The robot has used up its messages, or is muted for having done so."""
    REFUSED = "refused"
    """Keyword, timestamp, signature or address not accepted: the robot's settings and ours differ."""
    BAD_TOKEN = "bad_token"  # noqa: S105 - a reason, not a secret
    """The access token is unknown."""
    ROBOT_GONE = "robot_gone"
    """The group is gone, or the robot was disabled or removed."""
    TOO_LONG = "too_long"
    """The message is over the service's size limit."""
    BAD_MESSAGE = "bad_message"
    """The service cannot read the message."""
    QUOTA = "quota"
    """A quota of the organisation is used up."""
    FORBIDDEN = "forbidden"
    """The account has too few rights."""
    NOT_TAKEN = "not_taken"
    """The service does not take the value: it does not know the thing that it belongs to, or not yet."""
    UNKNOWN = "unknown"
    """An error code that no table knows."""


class DeliveryError(TapwatchError):
    """A message could not be handed over."""

    def __init__(self, reason: DeliveryReason, message: str, *, retryable: bool) -> None:
        self.reason = reason
        self.retryable = retryable
        super().__init__(message)


class StoreError(TapwatchError):
    """A database could not be read or written."""
