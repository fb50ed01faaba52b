"""What DingTalk's answers mean: one table from errcode to reason, and to what mends it.

Source: the error codes of DingTalk's custom robot. Every failure but a message that DingTalk cannot read is worth
another try. A robot whose settings are wrong is mended by a person, and Alertmanager tries again within a minute of
that; were it told to give up, the news would wait for `group_interval`, or be lost when the alert resolves first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tapwatch.errors import DeliveryReason


@dataclass(frozen=True)
class Meaning:
    """One row of the table."""

    reason: DeliveryReason
    advice: str
    """What mends it, for the person who reads the log."""

    @property
    def retryable(self) -> bool:
        """Whether DingTalk may take the same message later."""
        return self.reason not in {DeliveryReason.TOO_LONG, DeliveryReason.BAD_MESSAGE}


_BUSY = Meaning(DeliveryReason.BUSY, "DingTalk is busy; it is tried again")
_RATE_LIMITED = Meaning(DeliveryReason.RATE_LIMITED, "too many messages; DingTalk mutes the robot for a while")
_REFUSED = Meaning(
    DeliveryReason.REFUSED,
    "compare the robot's security settings (keywords, signature, addresses) with the settings file",
)
_BAD_TOKEN = Meaning(DeliveryReason.BAD_TOKEN, "take the access token from the robot's webhook address again")
_ROBOT_GONE = Meaning(DeliveryReason.ROBOT_GONE, "the group or its robot is gone or disabled; add the robot again")
_TOO_LONG = Meaning(DeliveryReason.TOO_LONG, "the message is over DingTalk's size limit")
_BAD_MESSAGE = Meaning(DeliveryReason.BAD_MESSAGE, "DingTalk cannot read the message")
_QUOTA = Meaning(DeliveryReason.QUOTA, "a quota of the organisation is used up; ask its DingTalk administrator")

UNKNOWN = Meaning(DeliveryReason.UNKNOWN, "an errcode that is not known yet; it is tried again")

MEANINGS: Mapping[int, Meaning] = {
    -1: _BUSY,
    **dict.fromkeys((130101, 410100), _RATE_LIMITED),
    310000: _REFUSED,
    **dict.fromkeys((300001, 300005, 400101), _BAD_TOKEN),
    **dict.fromkeys((400013, 400102, 400106), _ROBOT_GONE),
    **dict.fromkeys((101002, 460101), _TOO_LONG),
    **dict.fromkeys((40035, 43002, 43004, 400105, 430101, 430102, 430103, 430104), _BAD_MESSAGE),
    **dict.fromkeys((88, 90002, 90018, 90020, 90030), _QUOTA),
}

_ADVICE: Mapping[DeliveryReason, str] = {
    **dict.fromkeys(
        (DeliveryReason.CONNECT, DeliveryReason.TIMEOUT, DeliveryReason.DISCONNECT, DeliveryReason.HTTP),
        "look at the way to DingTalk: DNS, firewall, proxy",
    ),
    DeliveryReason.TLS: "the certificate is not trusted: look for a proxy on the way, and at this machine's clock",
    DeliveryReason.BANNED: "DingTalk's gateway refuses this address for 5 minutes: see who else calls from it so often",
    DeliveryReason.MALFORMED_ANSWER: "something between here and DingTalk answers in its place",
    **{one.reason: one.advice for one in (*MEANINGS.values(), UNKNOWN)},
}


def advice_for(reason: DeliveryReason) -> str:
    """What mends a robot whose calls fail for this reason."""
    return _ADVICE[reason]
