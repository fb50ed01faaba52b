"""Where a process listens."""

import pytest

from tapwatch.web import Address


@pytest.mark.parametrize("text", ["127.0.0.1:9802", "[::1]:9802", ":9802", "localhost:0"])
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", ["9802", "127.0.0.1", "127.0.0.1:", "host:port", "::1:9802", "a:65536", "a:-1"])
def test_what_is_no_address_is_answered_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"as 127\.0\.0\.1:9802|in brackets"):
        Address.parse(text)
