"""Our own count keeps clear of DingTalk's limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.dingtalk.ratelimit import RateBudget
from tapwatch.errors import DeliveryError, DeliveryReason


def test_messages_within_the_limit_pass_and_the_next_is_told_how_long() -> None:
    budget = RateBudget(20, 60)
    for second in range(20):
        budget.take(second)
    with pytest.raises(DeliveryError, match="nothing for 40 s: its 20 messages in 60 s are used up") as caught:
        budget.take(20)
    assert (caught.value.reason, caught.value.retryable) == (DeliveryReason.RATE_LIMITED, True)


def test_the_window_slides() -> None:
    budget = RateBudget(2, 60)
    budget.take(0)
    budget.take(30)
    assert budget.wait(59) == 1
    budget.take(60)
    assert budget.wait(61) == 29


def test_what_is_kept_is_for_critical_news() -> None:
    budget = RateBudget(6, 60)
    for second in range(2):
        budget.take(second, kept=4)
    with pytest.raises(DeliveryError, match="nothing for 58 s: its 2 messages in 60 s are used up, 4 more are for"):
        budget.take(2, kept=4)
    for second in range(2, 6):
        budget.take(second)
    assert budget.wait(6) == 54
    assert budget.wait(6, kept=4) == 58, "until only one of the six is left"


def test_a_slow_call_counts_from_its_end_as_dingtalk_may_have_counted_it_then() -> None:
    budget = RateBudget(1, 60)
    budget.take(0)
    budget.settle(3)
    assert budget.wait(60) == 3


def test_a_robot_that_is_paused_is_left_alone_and_says_why() -> None:
    budget = RateBudget(20, 60)
    budget.take(0)
    budget.pause(1, 600, "DingTalk has muted it")
    with pytest.raises(DeliveryError, match="nothing for 599 s: DingTalk has muted it"):
        budget.take(2)
    budget.take(601)


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_no_window_ever_holds_more_than_the_limit(gaps: list[float], messages: int) -> None:
    budget, now, taken = RateBudget(messages, 60), 0.0, []
    for gap in gaps:
        now += gap
        if budget.wait(now) == 0:
            budget.take(now)
            taken.append(now)
    assert all(sum(start <= one < start + 60 for one in taken) <= messages for start in taken)
