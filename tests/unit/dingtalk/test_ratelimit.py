"""Our own count keeps clear of DingTalk's limit."""

import pytest

from alerting.dingtalk.ratelimit import RateBudget
from tapwatch.errors import DeliveryError, DeliveryReason


def test_messages_within_the_limit_pass_and_the_next_is_told_how_long() -> None:
    budget = RateBudget(20, 60, 600)
    for second in range(20):
        budget.take(second)
    with pytest.raises(DeliveryError, match="its messages are used up for 40 s") as caught:
        budget.take(20)
    assert (caught.value.reason, caught.value.retryable) == (DeliveryReason.RATE_LIMITED, True)


def test_the_window_slides() -> None:
    budget = RateBudget(2, 60, 600)
    budget.take(0)
    budget.take(30)
    assert budget.wait(59) == 1
    budget.take(60)
    assert budget.wait(61) == 29


def test_a_muted_robot_is_silent_as_long_as_dingtalk_does_not_listen() -> None:
    budget = RateBudget(20, 60, 600)
    budget.take(0)
    budget.mute(1)
    with pytest.raises(DeliveryError, match="muted for 599 s"):
        budget.take(2)
    budget.take(601)
