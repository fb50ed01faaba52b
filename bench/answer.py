"""HTTP/1.1 answers cut out of what a connection has brought: just what exporters send."""

import zlib
from dataclasses import dataclass

from tapwatch.errors import TapwatchError

_END_OF_HEAD = b"\r\n\r\n"
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Answer:
    """One whole answer."""

    status: int
    body: bytes
    """Unpacked."""
    wire_bytes: int
    """Head and body as they came."""


def cut_answer(received: bytes) -> Answer | None:
    """The answer that `received` holds, None until it is whole; raises TapwatchError when it has no end in sight."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return None
    head, start = received[:end].lower(), end + len(_END_OF_HEAD)
    if b"transfer-encoding: chunked" in head:
        body = _join_chunks(received[start:])
    else:
        body = _sized_body(head, received, start)
    if body is None:
        return None
    if b"content-encoding: gzip" in head:
        body = zlib.decompress(body, _GZIP)
    return Answer(int(head[9:12]), body, len(received))


def _sized_body(head: bytes, received: bytes, start: int) -> bytes | None:
    _, known, rest = head.partition(b"content-length:")
    if not known:
        raise TapwatchError("an answer has neither a length nor chunks")
    end = start + int(rest.partition(b"\r\n")[0])
    return received[start:end] if len(received) >= end else None


def _join_chunks(received: bytes) -> bytes | None:
    """None until the last chunk, which is empty, is there."""
    parts: list[bytes] = []
    place = 0
    while (end := received.find(b"\r\n", place)) >= 0:
        size, start = int(received[place:end], 16), end + 2
        place = start + size + 2
        if len(received) < place:
            return None
        if size == 0:
            return b"".join(parts)
        parts.append(received[start : start + size])
    return None
