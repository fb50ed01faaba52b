"""How far a server's clock is from ours."""

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from exporters.cluster.clock import Offset, common_offset, read_offset

NOW = 1_800_000_000.0


def test_a_date_says_the_offset_within_a_second_and_the_time_the_answer_took() -> None:
    assert read_offset("Fri, 15 Jan 2027 08:00:00 GMT", NOW - 0.25, NOW + 0.25) == Offset(-0.25, 1.25)


def test_what_is_no_date_says_nothing() -> None:
    assert read_offset(None, NOW, NOW) is None
    assert read_offset("yesterday", NOW, NOW) is None


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 600), st.floats(0, 4)), min_size=1, max_size=30),
)
def test_the_true_offset_lies_in_what_the_dates_have_in_common(skew: float, answers: list[tuple[float, float]]) -> None:
    """The server may write its date at any moment between the sending of a request and the end of its answer."""
    offsets = []
    for after, took in answers:
        sent = NOW + after
        offset = read_offset(formatdate(int(sent + took / 2 + skew), usegmt=True), sent, sent + took)
        assert offset is not None
        offsets.append(offset)
    common = common_offset(offsets)
    assert common is not None
    assert common.least - 1e-3 <= skew <= common.most + 1e-3
    assert common.most - common.least <= min(one.most - one.least for one in offsets) + 1e-3


def test_several_dates_narrow_the_offset_down() -> None:
    assert common_offset([Offset(-0.9, 0.1), Offset(-0.1, 0.9)]) == Offset(-0.1, 0.1)
    assert Offset(-0.5, 1.0).middle == 0.25


def test_what_was_said_before_the_clock_was_set_counts_no_more() -> None:
    assert common_offset([Offset(-0.5, 0.5), Offset(99.0, 100.0), Offset(-0.1, 0.1)]) == Offset(-0.5, 0.5)
    assert common_offset([]) is None
