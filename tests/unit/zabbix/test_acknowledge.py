"""What brings acknowledgements and silences into step."""

from datetime import UTC, datetime, timedelta

import pytest

from alerting.zabbix.acknowledge import (
    NAME_SECONDS,
    Acknowledge,
    EndSilence,
    MakeSilence,
    Step,
    Unacknowledge,
    Zabbix,
    leftovers,
    steps,
)
from alerting.zabbix.alertmanager import ActiveAlert, Silence
from alerting.zabbix.problems import ACKNOWLEDGED, UNACKNOWLEDGED, Problem, Update

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BRIDGE, PERSON = "7", "4"
MARK = "Acknowledged in Zabbix. [Zabbix event 55]"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def update(action: int, user: str = PERSON, seconds_ago: float = 60, person: str = "Mei Chen") -> Update:
    return Update(user, person, int(ago(seconds_ago).timestamp()), action, "on my way")


def problem(*updates: Update, acknowledged: bool = False) -> Problem:
    return Problem(
        "55",
        "9",
        "It leaks",
        4,
        int(ago(600).timestamp()),
        acknowledged=acknowledged,
        suppressed=False,
        tags=(),
        hosts=(),
        groups=(),
        updates=updates,
    )


def alert(*silences: str) -> ActiveAlert:
    status = {"state": "suppressed" if silences else "active", "silencedBy": list(silences)}
    fields = {"fingerprint": "f", "labels": {"alertname": "Leak"}, "annotations": {}, "receivers": []}
    return ActiveAlert.model_validate({**fields, "startsAt": ago(600), "status": status})


def silence(name: str, comment: str, state: str = "active", seconds_ago: float = 30) -> Silence:
    times = {"startsAt": ago(seconds_ago), "updatedAt": ago(seconds_ago), "endsAt": NOW + timedelta(hours=1)}
    return Silence.model_validate(
        {"id": name, "createdBy": "lin", "comment": comment, "status": {"state": state}, **times}
    )


def decide(one: Problem, other: ActiveAlert, *silences: Silence, persons: dict[str, str] | None = None) -> list[Step]:
    return steps([(one, other)], silences, Zabbix(BRIDGE, persons or {}, NOW.timestamp()))


def test_nothing_is_done_when_nothing_happened() -> None:
    assert decide(problem(), alert()) == []


def test_an_acknowledgement_makes_a_silence_in_its_persons_name() -> None:
    (step,) = decide(problem(update(ACKNOWLEDGED), acknowledged=True), alert())
    assert isinstance(step, MakeSilence)
    assert step.person == "Mei Chen"
    assert step.comment == f"on my way {MARK}"


def test_the_name_that_came_with_zabbix_call_counts_more() -> None:
    (step,) = decide(problem(update(ACKNOWLEDGED, person=""), acknowledged=True), alert(), persons={"55": "Chen (c)"})
    assert isinstance(step, MakeSilence)
    assert step.person == "Chen (c)"


@pytest.mark.parametrize(("age", "made"), [(NAME_SECONDS - 1, False), (NAME_SECONDS + 1, True)])
def test_a_silence_waits_a_while_for_a_name_that_is_not_known(age: float, made: bool) -> None:  # noqa: FBT001 - expected
    nameless = update(ACKNOWLEDGED, seconds_ago=age, person="")
    assert bool(decide(problem(nameless, acknowledged=True), alert())) == made


def test_an_acknowledgement_that_has_its_silence_is_in_step() -> None:
    assert decide(problem(update(ACKNOWLEDGED), acknowledged=True), alert("s"), silence("s", MARK)) == []


def test_an_acknowledgement_of_what_is_silenced_anyway_makes_no_second_silence() -> None:
    assert decide(problem(update(ACKNOWLEDGED), acknowledged=True), alert("s"), silence("s", "works")) == []


def test_an_acknowledgement_taken_back_ends_its_silence() -> None:
    one = problem(update(UNACKNOWLEDGED, seconds_ago=5), update(ACKNOWLEDGED))
    assert decide(one, alert("s"), silence("s", MARK)) == [EndSilence("s")]


def test_a_silence_that_was_ended_takes_back_the_acknowledgement_that_it_stood_for() -> None:
    one = problem(update(ACKNOWLEDGED, seconds_ago=60), acknowledged=True)
    (step,) = decide(one, alert(), silence("s", MARK, "expired", seconds_ago=50))
    assert isinstance(step, Unacknowledge)


def test_acknowledging_again_after_a_silence_ended_makes_a_new_one() -> None:
    again = update(ACKNOWLEDGED, seconds_ago=40)
    one = problem(again, update(UNACKNOWLEDGED, BRIDGE, 45), update(ACKNOWLEDGED, seconds_ago=60), acknowledged=True)
    (step,) = decide(one, alert(), silence("s", MARK, "expired", seconds_ago=50))
    assert isinstance(step, MakeSilence)


def test_a_silence_of_alertmanagers_acknowledges_with_name_end_and_comment() -> None:
    (step,) = decide(problem(), alert("s"), silence("s", "pipe works"))
    assert step == Acknowledge("55", "Silenced in Alertmanager by lin until 2026-11-21 13:00 UTC: pipe works")


def test_a_person_who_takes_that_back_in_zabbix_is_not_overruled() -> None:
    one = problem(update(UNACKNOWLEDGED, seconds_ago=10), update(ACKNOWLEDGED, BRIDGE, 20))
    assert decide(one, alert("s"), silence("s", "pipe works", seconds_ago=30)) == []


def test_a_silence_that_is_newer_than_the_taking_back_acknowledges_again() -> None:
    one = problem(update(UNACKNOWLEDGED, seconds_ago=40), update(ACKNOWLEDGED, BRIDGE, 50))
    (step,) = decide(one, alert("s"), silence("s", "pipe works", seconds_ago=30))
    assert isinstance(step, Acknowledge)


def test_what_a_silence_acknowledged_is_taken_back_when_it_ends() -> None:
    (step,) = decide(problem(update(ACKNOWLEDGED, BRIDGE), acknowledged=True), alert(), silence("s", "x", "expired"))
    assert isinstance(step, Unacknowledge)


def test_a_silence_for_a_problem_that_is_over_is_ended_and_nobody_elses() -> None:
    silences = [silence("ours", MARK), silence("theirs", "works"), silence("past", MARK, "expired")]
    assert leftovers(silences, ["56"]) == [EndSilence("ours")]
    assert leftovers(silences, ["55"]) == []
