"""Which alerts should have been delivered and were not."""

from alerting.dingtalk.reconcile import Sightings
from alerting.payload import Alert
from laboratory.notifications import alert

FIRED = 1_795_257_060.0  # 2026-11-21T10:31:00Z
ONE = Alert.model_validate(alert())


def overdue(delivered_at: float | None, *looks: float, after: float = 900) -> list[Alert]:
    sightings = Sightings()
    for look in looks:
        sightings.note([ONE], look)
    return sightings.overdue([ONE], {} if delivered_at is None else {"f1": delivered_at}, looks[-1] - after)


def test_an_alert_that_was_told_since_it_fired_is_not_overdue() -> None:
    assert overdue(FIRED + 60, FIRED + 100, FIRED + 5000) == []


def test_an_alert_that_was_never_told_is_overdue_when_it_has_been_active_long_enough() -> None:
    assert overdue(None, FIRED, FIRED + 899) == []
    assert overdue(None, FIRED, FIRED + 900) == [ONE]


def test_a_delivery_of_an_earlier_episode_is_none_of_this() -> None:
    assert overdue(FIRED - 3600, FIRED, FIRED + 900) == [ONE]


def test_clocks_that_differ_a_little_raise_nothing() -> None:
    assert overdue(FIRED - 30, FIRED, FIRED + 900) == []


def test_an_alert_that_was_silenced_meanwhile_counts_anew() -> None:
    sightings = Sightings()
    sightings.note([ONE], FIRED)
    sightings.note([], FIRED + 600)
    sightings.note([ONE], FIRED + 900)
    assert sightings.overdue([ONE], {}, FIRED) == []
    assert sightings.overdue([ONE], {}, FIRED + 900) == [ONE]
