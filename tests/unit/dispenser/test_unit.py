"""How long a unit is waited for, and whether it is worth asking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.registermap import Place, Span
from exporters.dispenser.unit import LEAST_PATIENCE, Breaker, Patience
from tapwatch.errors import PollError, PollReason

LIMIT = 5.0
SHORT: Span = (Place("input", 0), 1)
LONG: Span = (Place("input", 0), 125)
SILENCE = PollError(PollReason.TIMEOUT, "no answer in time")


def test_a_range_that_was_never_answered_is_waited_for_as_long_as_may_be() -> None:
    patience = Patience()
    patience.note(SHORT, 0.01)
    assert patience.seconds(LONG, LIMIT) == LIMIT


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50))
def test_patience_is_never_under_a_quarter_of_a_second_nor_over_the_limit(times: list[float]) -> None:
    patience = Patience()
    for seconds in times:
        patience.note(SHORT, seconds)
    assert LEAST_PATIENCE <= patience.seconds(SHORT, LIMIT) <= LIMIT
    assert patience.slowest == max(times)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
def test_a_steady_unit_is_waited_for_twice_its_time(seconds: float) -> None:
    patience = Patience()
    for _ in range(200):
        patience.note(SHORT, seconds)
    assert patience.seconds(SHORT, LIMIT) == pytest.approx(2 * seconds, rel=0.01)


def test_an_unsteady_unit_is_waited_for_longer() -> None:
    steady, unsteady = Patience(), Patience()
    for number in range(200):
        steady.note(SHORT, 1.0)
        unsteady.note(SHORT, 0.2 if number % 2 else 1.8)
    assert unsteady.seconds(SHORT, LIMIT) > 1.5 * steady.seconds(SHORT, LIMIT)


def test_each_range_has_its_own_time_until_all_are_forgotten() -> None:
    patience = Patience()
    patience.note(SHORT, 0.01)
    patience.note(LONG, 1.0)
    assert patience.seconds(SHORT, LIMIT) < patience.seconds(LONG, LIMIT) < LIMIT
    patience.forget()
    assert patience.seconds(SHORT, LIMIT) == patience.seconds(LONG, LIMIT) == LIMIT


def test_one_silence_is_no_reason_to_suspend() -> None:
    breaker = Breaker()
    breaker.note_silence(SILENCE, 100)
    assert (breaker.is_open(100), breaker.on_trial, breaker.error) == (False, False, SILENCE)


def test_suspensions_grow_to_a_minute() -> None:
    breaker, now, lengths = Breaker(), 100.0, []
    breaker.note_silence(SILENCE, now)
    for _ in range(7):
        breaker.note_silence(SILENCE, now)
        assert breaker.on_trial
        length = next(seconds for seconds in range(1000) if not breaker.is_open(now + seconds))
        lengths.append(length)
        now += length
    assert lengths == [5, 10, 20, 40, 60, 60, 60]


def test_some_trials_wait_as_long_as_may_be_since_a_unit_can_have_become_slow() -> None:
    breaker, patient = Breaker(), []
    for _ in range(12):
        breaker.note_silence(SILENCE, 0)
        patient.append(breaker.wants_patience)
    assert patient.count(True) == 3


def test_an_answer_ends_it_all() -> None:
    breaker = Breaker()
    for _ in range(9):
        breaker.note_silence(SILENCE, 100)
    breaker.note_success()
    assert (breaker.is_open(100), breaker.on_trial, breaker.error) == (False, False, None)
    breaker.note_silence(SILENCE, 200)
    assert not breaker.on_trial, "it begins anew"


def test_a_unit_may_be_dead_for_years() -> None:
    breaker = Breaker()
    for _ in range(100_000):
        breaker.note_silence(SILENCE, 100)
    assert breaker.is_open(159)
    assert not breaker.is_open(161)
