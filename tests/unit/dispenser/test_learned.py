"""What a device refused, and what follows from it."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.cost import cost_model
from exporters.dispenser.learned import Halves, Learned, halves
from exporters.dispenser.registermap import Place, Span, Traits

NETWORK = cost_model(None, Traits())
DAY = 24 * 3600


def span(start: int, count: int = 1) -> Span:
    return Place("input", start), count


class Clock:
    """A clock that a test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_single_number_cannot_be_divided() -> None:
    assert halves(span(7, 2), [span(7, 2)]) is None
    assert halves(span(7), []) is None


def test_a_range_is_divided_near_its_middle() -> None:
    assert halves(span(0, 10), [span(0, 4), span(4, 2), span(6, 4)]) == Halves(span(0, 4), span(4, 6))


def test_what_nobody_wants_is_left_out_and_is_the_gap() -> None:
    cut = halves(span(0, 20), [span(0, 2), span(15, 5)])
    assert cut == Halves(span(0, 2), span(15, 5))
    assert cut.gap == span(2, 13)
    assert Halves(span(0, 2), span(2, 2)).gap is None


@given(st.lists(st.integers(0, 100), min_size=2, max_size=20, unique=True))
def test_both_halves_are_shorter_and_hold_every_number(numbers: list[int]) -> None:
    pieces = [span(number) for number in sorted(numbers)]
    first, last = min(numbers), max(numbers)
    cut = halves(span(first, last - first + 1), pieces)
    assert cut is not None
    held = [range(start.number, start.number + count) for start, count in (cut.left, cut.right)]
    assert all(any(number in one for one in held) for number in numbers)
    assert held[0].stop <= held[1].start
    assert len(held[0]) + len(held[1]) <= last - first + 1


def test_a_hole_is_forgotten_after_a_day() -> None:
    clock = Clock()
    learned = Learned(Traits(), clock)
    learned.note_refused(span(3, 2))
    assert learned.limits.refused == {span(3, 2)}
    clock.now += DAY - 1
    assert learned.limits.refused == {span(3, 2)}
    clock.now += 2
    assert learned.limits.refused == set()


def test_a_cap_is_narrowed_down_between_what_was_answered_and_what_was_not() -> None:
    """A device that gives 50 registers at once, and 300 of them wanted."""
    learned = Learned(Traits(), Clock())
    wanted = [span(number) for number in range(300)]
    asked = 125
    for _ in range(20):
        if asked > 50:
            learned.note_too_long(span(0, asked))
        else:
            learned.note_answered(span(0, asked))
        if not learned.is_unsettled:
            break
        learned.settle(wanted, NETWORK)
        asked = learned.limits.words
    assert learned.limits.words == 50
    assert learned.limits.bits == 2000, "bits have a cap of their own"


def test_nothing_is_tried_that_can_spare_no_request() -> None:
    learned = Learned(Traits(), Clock())
    learned.note_answered(span(0, 40))
    learned.note_too_long(span(0, 60))
    learned.settle([span(number) for number in range(60)], NETWORK)
    assert learned.limits.words == 40, "two requests either way"
