"""The short form of `python -m tests.fuzz`."""

import random
import time
from collections import Counter

import pytest

from laboratory.modbus.gateway import Framing
from tests.fuzz.frames import check_decoder, check_frames, frames_case
from tests.fuzz.line import wild_line


def test_nothing_but_the_right_answer_is_taken_from_a_broken_stream() -> None:
    found = 0
    for number in range(20_000):
        chance = random.Random(number)
        found += check_frames(frames_case(chance))
        check_decoder(chance)
    assert found > 1000, "right answers are found, too"


@pytest.mark.parametrize("transport", ["tcp", "rtu+tcp"])
async def test_no_value_is_anothers_whatever_the_gateway_does(transport: Framing) -> None:
    ends: Counter[str] = Counter()
    until = time.monotonic() + 4
    async with wild_line(1, transport) as (_, one_round):
        while time.monotonic() < until or ends["ok"] <= 10:  # a busy machine's rounds are few
            ends += await one_round()
    assert ends.total() > ends["ok"], "some were broken beyond repair"
