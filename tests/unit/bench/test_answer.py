"""HTTP answers are cut out of what a connection brought, however it came."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.answer import Answer, cut_answer
from tapwatch.errors import TapwatchError

BODY = b"dispenser_up 1.0\n" * 20


def sized(body: bytes, *headers: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, size: int, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(f"{len(part):X}\r\n".encode() + part + b"\r\n" for part in [*parts, b""])
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + chunks


WHOLE = {
    "with a length": sized(BODY),
    "in chunks": chunked(BODY, 7),
    "in one chunk": chunked(BODY, 1000),
    "gzipped": sized(gzip.compress(BODY), "Content-Encoding: gzip"),
    "gzipped, in chunks": chunked(gzip.compress(BODY), 5, "Content-Encoding: GZIP"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_an_answer_is_cut_when_it_is_whole_and_not_before(kind: str) -> None:
    whole = WHOLE[kind]
    assert cut_answer(whole) == Answer(200, BODY, len(whole))
    assert [end for end in range(len(whole)) if cut_answer(whole[:end]) is not None] == []


@given(st.binary(max_size=200), st.integers(1, 50))
def test_a_body_is_the_same_in_chunks(body: bytes, size: int) -> None:
    found = cut_answer(chunked(body, size))
    assert found is not None
    assert found.body == body


def test_the_status_is_told() -> None:
    found = cut_answer(sized(b"no\n", status=503))
    assert found is not None
    assert (found.status, found.body) == (503, b"no\n")


def test_an_empty_body_is_one() -> None:
    assert cut_answer(sized(b"")) == Answer(200, b"", len(sized(b"")))


def test_the_headers_case_does_not_matter() -> None:
    assert cut_answer(sized(BODY).replace(b"Content-Length", b"CONTENT-LENGTH")) is not None


def test_an_answer_without_an_end_is_refused() -> None:
    with pytest.raises(TapwatchError, match="neither a length nor chunks"):
        cut_answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
