"""What becomes of a message that DingTalk has refused."""

import pytest

from alerting.dingtalk.delivery import fall_back
from alerting.dingtalk.message import BODY_BYTES, LEAST_BODY_BYTES, Form, Style
from tapwatch.errors import DeliveryReason


def steps(reason: DeliveryReason) -> list[tuple[Form, int]]:
    """All that is tried while DingTalk goes on giving the same reason."""
    found, style = [], fall_back(Style(), reason)
    while style is not None:
        found.append((style.form, style.body_bytes))
        style = fall_back(style, reason)
    return found


def test_a_message_that_is_too_long_is_halved_until_only_counts_are_left() -> None:
    assert steps(DeliveryReason.TOO_LONG) == [(Form.MARKDOWN, 10_000), (Form.MARKDOWN, 5_000), (Form.BARE, 5_000)]
    assert BODY_BYTES // 4 == LEAST_BODY_BYTES


def test_a_message_that_cannot_be_read_is_made_plainer_until_only_counts_are_left() -> None:
    assert steps(DeliveryReason.BAD_MESSAGE) == [(Form.TEXT, BODY_BYTES), (Form.BARE, BODY_BYTES)]


@pytest.mark.parametrize("reason", sorted(set(DeliveryReason) - {DeliveryReason.TOO_LONG, DeliveryReason.BAD_MESSAGE}))
def test_no_other_form_helps_against_anything_else(reason: DeliveryReason) -> None:
    assert steps(reason) == []


def test_the_last_message_stays_the_last_when_it_is_rewritten() -> None:
    for reason in (DeliveryReason.TOO_LONG, DeliveryReason.BAD_MESSAGE):
        rewritten = fall_back(Style(last=False), reason)
        assert rewritten is not None
        assert not rewritten.last
