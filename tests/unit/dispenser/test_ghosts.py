"""Answers that can come without being asked for."""

from exporters.dispenser.ghosts import Ghosts


def test_nobody_expects_any_at_first() -> None:
    assert set(Ghosts().lengths(1, 0.0)) == set()


def test_a_lost_answer_concerns_every_unit_for_half_a_minute() -> None:
    ghosts = Ghosts()
    ghosts.note_lost(1, 8, 100.0)
    assert set(ghosts.lengths(1, 129.9)) == set(ghosts.lengths(2, 129.9)) == {8}
    assert set(ghosts.lengths(1, 130.1)) == set(ghosts.lengths(2, 130.1)) == set()


def test_an_answer_that_nobody_asked_for_concerns_its_own_unit() -> None:
    ghosts = Ghosts()
    ghosts.note_stray(1, 8, 100.0)
    assert set(ghosts.lengths(1, 101.0)) == {8}
    assert set(ghosts.lengths(2, 101.0)) == set()


def test_a_units_answer_to_a_sentinel_clears_its_own_and_what_concerned_all() -> None:
    ghosts = Ghosts()
    ghosts.note_lost(1, 8, 100.0)
    ghosts.note_lost(2, 6, 100.0)
    ghosts.forget(2)
    assert set(ghosts.lengths(2, 101.0)) == set()
    assert set(ghosts.lengths(1, 101.0)) == {8}, "it may hang on another port of the gateway"


def test_a_flood_of_strange_lengths_takes_no_memory() -> None:
    ghosts = Ghosts()
    for length in range(1000):
        ghosts.note_stray(1, length, 100.0)
    assert len(ghosts.lengths(1, 100.0)) == 16
    ghosts.note_stray(1, 999, 131.0)
    assert set(ghosts.lengths(1, 131.0)) == {999}, "old ones make room"
