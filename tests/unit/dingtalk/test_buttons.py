"""Links cannot be forged, outlive their time, or be mistaken for others."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.dingtalk.buttons import Deed, Link, Signer, digest

NOW = 1_790_000_000.0
SIGNER = Signer("k3y", "https://tapwatch.example", 3600)
LINK = Link(7, Deed.ACKNOWLEDGE, int(NOW) + 3600, int(NOW))


def test_a_link_says_what_was_signed_until_it_expires() -> None:
    token = SIGNER.sign(LINK)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert SIGNER.read(token, NOW) == LINK
    assert SIGNER.read(token, NOW + 3600) == LINK
    with pytest.raises(ValueError, match="expired"):
        SIGNER.read(token, NOW + 3601)


def test_every_message_has_links_of_its_own() -> None:
    first, later = (dict(SIGNER.buttons(7, at)) for at in (NOW, NOW + 60))
    assert list(first) == [Deed.ACKNOWLEDGE, Deed.SILENCE]
    assert all(url.startswith("https://tapwatch.example/act/") for url in first.values())
    assert len({*first.values(), *later.values()}) == 4


def test_another_key_signs_other_links() -> None:
    with pytest.raises(ValueError, match="forged"):
        Signer("other", "", 3600).read(SIGNER.sign(LINK), NOW)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=1))
def test_a_link_with_any_byte_changed_is_forged(position: int, byte: bytes) -> None:
    token = SIGNER.sign(LINK)
    content = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    position %= len(content)
    if content[position : position + 1] == byte:
        return
    content[position : position + 1] = byte
    with pytest.raises(ValueError, match="forged"):
        SIGNER.read(base64.urlsafe_b64encode(content).decode().rstrip("="), NOW)


@given(st.text(max_size=200))
def test_whatever_is_no_link_is_forged(token: str) -> None:
    with pytest.raises(ValueError, match="forged"):
        SIGNER.read(token, NOW)


def test_the_digest_is_the_links_not_its_spellings() -> None:
    assert digest(LINK) == digest(SIGNER.read(SIGNER.sign(LINK), NOW))
    assert digest(LINK) != digest(Link(7, Deed.SILENCE, LINK.expires_at, LINK.issue))
