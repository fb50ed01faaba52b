"""Which replicas a cluster has."""

from exporters.cluster.roster import Roster, update_roster

FORGET_AFTER = 3600.0
A, B, C = "https://10.0.0.11:6443", "https://10.0.0.12:6443", "https://10.0.0.13:6443"


def after(*listings: tuple[float, tuple[str, ...]]) -> Roster:
    roster: Roster = {}
    for now, listed in listings:
        roster = update_roster(roster, listed, now, FORGET_AFTER)
    return roster


def test_replicas_that_are_listed_are_in_the_roster() -> None:
    assert after((0, (A, B))) == {A: None, B: None}


def test_a_dead_replica_that_the_others_took_off_the_list_stays() -> None:
    assert after((0, (A, B, C)), (30, (A, B)), (60, (A, B))) == {A: None, B: None, C: 30}


def test_it_is_forgotten_after_its_time_and_not_before() -> None:
    assert C in after((0, (A, C)), (30, (A,)), (30 + FORGET_AFTER - 1, (A,)))
    assert C not in after((0, (A, C)), (30, (A,)), (30 + FORGET_AFTER, (A,)))


def test_a_replica_that_comes_back_starts_anew() -> None:
    assert after((0, (A, B)), (30, (A,)), (60, (A, B)), (90, (A,))) == {A: None, B: 90}


def test_an_empty_list_takes_nobody_out_at_once() -> None:
    assert after((0, (A, B)), (30, ())) == {A: 30, B: 30}


def test_a_long_gap_between_listings_does_not_count_as_absence() -> None:
    """When discovery failed for hours nobody knows when the replica left."""
    assert after((0, (A, B)), (10 * FORGET_AFTER, (A,))) == {A: None, B: 10 * FORGET_AFTER}
