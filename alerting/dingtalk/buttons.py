"""Links in messages by which people act: signed, expiring, each used once; opening one never acts, confirming does."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_SIGNATURE_BYTES = 16


class Deed(StrEnum):
    """What a link is for."""

    ACKNOWLEDGE = "acknowledge"
    """Take care of it: nobody else is rung."""
    SILENCE = "silence"
    """Hear nothing of it for a time."""


@dataclass(frozen=True)
class Link:
    """What a link says."""

    incident: int
    deed: Deed
    expires_at: int
    """Unix time."""
    issue: int
    """Unix time of the message: a reminder's links are others."""


class Signer:
    """Makes and reads links."""

    def __init__(self, key: str, public_url: str, valid: float) -> None:
        self._key = hashlib.sha256(f"tapwatch buttons {key}".encode()).digest()
        self._public_url = public_url
        self._valid = valid

    def buttons(self, incident: int, now: float) -> Sequence[tuple[str, str]]:
        """Each deed with its link."""
        expires = int(now + self._valid)
        return [(deed, f"{self._public_url}/act/{self.sign(Link(incident, deed, expires, int(now)))}") for deed in Deed]

    def sign(self, link: Link) -> str:
        """The link's last part."""
        said = f"{link.incident}.{link.deed}.{link.expires_at}.{link.issue}".encode()
        return base64.urlsafe_b64encode(self._signature(said) + said).decode().rstrip("=")

    def read(self, token: str, now: float) -> Link:
        """What a link says that we have signed; raises ValueError with a word for why it cannot be used."""
        try:
            content = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise ValueError("forged") from None
        signature, said = content[:_SIGNATURE_BYTES], content[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(said)) or not token.isascii():
            raise ValueError("forged")
        incident, deed, expires_at, issue = said.decode().split(".")
        link = Link(int(incident), Deed(deed), int(expires_at), int(issue))
        if link.expires_at < now:
            raise ValueError("expired")
        return link

    def _signature(self, said: bytes) -> bytes:
        return hmac.new(self._key, said, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def digest(link: Link) -> str:
    """By which the ledger knows a link that was used, however it was spelled."""
    said = f"{link.incident}.{link.deed}.{link.expires_at}.{link.issue}"
    return hashlib.sha256(said.encode()).hexdigest()
