"""The short form of `python -m tests.soak`."""

from pathlib import Path

import pytest

from tests.soak.soak import soak
from tests.soak.verdict import verdict

pytestmark = pytest.mark.slow


async def test_every_gap_has_its_reason(tmp_path: Path) -> None:
    record = await soak(tmp_path, 25, gateways=12, seed=7)
    verdict(record)
    assert {"up", "timeout", "garbled", "exception"} <= set(record.ends)
    assert {fault.kind for faults in record.faults for fault in faults} >= {"restarts", "hangs", "forgets connections"}
