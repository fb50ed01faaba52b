"""What is counted of many scrapes."""

import math

import pytest

from bench.answer import Answer
from bench.load import Tally, devices_up

UP = b"# TYPE dispenser_up gauge\ndispenser_up 1.0\n"


def test_devices_are_counted_by_the_metric_that_says_so() -> None:
    page = (
        b'dispenser_up{dispenser="a"} 1.0\ndispenser_up{dispenser="b"} 0.0\ndispenser_up{dispenser="c"} 1\n'
        b"dispenser_up_something 1.0\n# HELP dispenser_up 1\ndispenser_up 10\n"
    )
    assert devices_up(Answer(200, page, 0)) == 2
    assert devices_up(Answer(200, UP, 0)) == 1
    assert devices_up(Answer(200, b"", 0)) == 0


def test_a_braces_label_does_not_reach_into_the_next_line() -> None:
    assert devices_up(Answer(200, b'dispenser_up{a="b\ndispenser_down{c="d"} 1.0\n', 0)) == 0


def test_scrapes_are_missed_late_or_good() -> None:
    tally = Tally()
    tally.add(Answer(200, UP, 100), 0.5, 0.0)
    tally.add(Answer(200, UP, 100), 0.5, 0.6)
    tally.add(Answer(503, b"", 50), 0.1, 0.0)
    assert (tally.missed, tally.late, tally.devices, tally.wire_bytes) == (1, 1, 2, 250)
    assert tally.seconds == [0.5, 0.5, 0.1]


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 1.0), (0.5, 6.0), (0.99, 10.0), (1.0, 10.0)])
def test_a_quantile_is_of_the_ordered_times(share: float, seconds: float) -> None:
    assert Tally(seconds=[float(one) for one in range(10, 0, -1)]).quantile(share) == seconds


def test_without_scrapes_there_is_no_quantile() -> None:
    assert math.isnan(Tally().quantile(0.5))
