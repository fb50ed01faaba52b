"""When the dead man's switch says something."""

import pytest

from alerting.dingtalk.store.heartbeat import Beat
from alerting.dingtalk.watchdog import Change, judge

WITHIN = 300.0


@pytest.mark.parametrize(
    ("beat", "started", "now", "expected"),
    [
        (Beat(1000, None), 0, 1300, None),
        (Beat(1000, None), 0, 1301, Change(1000, None)),
        (Beat(1000, None), 1200, 1301, None),
        (Beat(1000, None), 1200, 1501, Change(1000, None)),
        (Beat(1000, 1000), 0, 9000, None),
        (Beat(9000, 1000), 0, 9001, Change(1000, 9000)),
    ],
    ids=["in time", "too late", "we were away", "away, and too late", "said before", "back"],
)
def test_a_change_is_said_once(beat: Beat, started: float, now: float, expected: Change | None) -> None:
    assert judge(beat, started, now, WITHIN) == expected
