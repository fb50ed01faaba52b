"""Lines cut out of a stream."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.cluster.api import split_lines
from tapwatch.errors import PollError


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@given(st.lists(st.binary(max_size=30)), st.lists(st.integers(0, 200), max_size=10))
async def test_lines_are_the_same_wherever_the_network_cuts_them(lines: list[bytes], cuts: list[int]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    text = b"".join(line + b"\n" for line in lines)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[start:end] for start, end in pairwise(places)]
    assert [line async for line in split_lines(chunks(*parts))] == [line for line in lines if line]


async def test_what_follows_the_last_end_is_dropped() -> None:
    assert [line async for line in split_lines(chunks(b"one\ntw", b"o\nthr"))] == [b"one", b"two"]


@pytest.mark.parametrize("parts", [(b"x" * 11,), (b"x" * 6, b"x" * 5), (b"x" * 11 + b"\n",)])
async def test_a_line_that_is_too_long_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(PollError, match="larger than 10 bytes") as caught:
        _ = [line async for line in split_lines(chunks(*parts), largest=10)]
    assert caught.value.reason == "garbled"
