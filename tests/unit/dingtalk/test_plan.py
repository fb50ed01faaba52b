"""What a channel sends next: few single messages, the rest together, critical first, and never more than allowed."""

from hypothesis import given
from hypothesis import strategies as st

from alerting.dingtalk.plan import Batch, Pause, plan
from alerting.dingtalk.settings import RateLimit
from alerting.dingtalk.store.line import Allowance, Waiting
from alerting.payload import Notification
from laboratory.notifications import alert, payload

NOW = 1_000_000.0
LIMIT = RateLimit.model_construct(messages=20, per=60.0, mute=600.0)


def waiting(
    number: int, severity: str = "critical", age: float = 0.0, status: str = "firing", group: str = "", *also: str
) -> Waiting:
    alerts = [
        alert(status=status, severity=severity, fingerprint=fingerprint)
        for fingerprint in (group or str(number), *also)
    ]
    one = Notification.model_validate(payload(*alerts, group=group or str(number)))
    return Waiting(number, f"seed {number}", one, 0, 0, NOW - age)


def robot(name: str = "ops", left: int = 20, recent: int = 0, ready_in: float = 0.0) -> Allowance:
    return Allowance(name, left, recent, NOW + ready_in)


def numbers(found: Batch | Pause) -> list[int]:
    assert isinstance(found, Batch)
    return [one.number for one in found.notifications]


def test_one_notification_is_sent_at_once_and_by_itself() -> None:
    assert numbers(plan([waiting(1)], [robot()], LIMIT, NOW)) == [1]


def test_the_critical_go_first_whatever_came_before() -> None:
    assert numbers(plan([waiting(1, "warning"), waiting(2)], [robot()], LIMIT, NOW)) == [2]


def test_good_news_waits_for_bad() -> None:
    assert numbers(plan([waiting(1, status="resolved"), waiting(2)], [robot()], LIMIT, NOW)) == [2]


def test_more_than_a_burst_is_gathered_for_a_moment_and_then_told_together() -> None:
    many = [waiting(number, age=0.5) for number in range(30)]
    found = plan(many, [robot()], LIMIT, NOW)
    assert isinstance(found, Pause)
    assert found.until == NOW - 0.5 + 2
    assert numbers(plan(many, [robot()], LIMIT, NOW + 1.5)) == list(range(30))


def test_what_is_not_critical_leaves_some_calls_to_what_is() -> None:
    short = robot(left=2)
    assert isinstance(plan([waiting(1, "warning")], [short], LIMIT, NOW), Pause)
    assert numbers(plan([waiting(1)], [short], LIMIT, NOW)) == [1]


def test_the_next_robot_stands_in_for_one_that_must_wait() -> None:
    for busy in (robot(left=0, ready_in=30), robot(ready_in=600)):
        found = plan([waiting(1)], [busy, robot("second")], LIMIT, NOW)
        assert isinstance(found, Batch)
        assert found.robot == "second"


def test_when_no_robot_may_send_the_first_that_may_is_waited_for() -> None:
    found = plan([waiting(1, age=60)], [robot(ready_in=30), robot("second", ready_in=20)], LIMIT, NOW)
    assert isinstance(found, Pause)
    assert found.until == NOW + 20


def test_what_fired_and_resolved_while_it_waited_is_told_as_resolved_once() -> None:
    line = [waiting(1, group="g"), waiting(2, group="other"), waiting(3, status="resolved", group="g")]
    first = plan(line, [robot()], LIMIT, NOW)
    assert numbers(first) == [2]
    second = plan([line[0], line[2]], [robot()], LIMIT, NOW)
    assert isinstance(second, Batch)
    assert (numbers(second), [one.number for one in second.superseded]) == ([3], [1])
    assert second.numbers == {1, 3}


def test_a_later_notification_that_says_less_supersedes_nothing() -> None:
    line = [waiting(1, "critical", 0.0, "firing", "g", "another"), waiting(2, group="g")]
    found = plan(line, [robot()], LIMIT, NOW)
    assert isinstance(found, Batch)
    assert (numbers(found), found.superseded) == ([1], ())


@given(
    st.lists(st.tuples(st.sampled_from(["critical", "warning", "info"]), st.floats(0, 100)), min_size=1, max_size=60),
    st.integers(1, 30),
)
def test_whatever_comes_all_is_told_within_the_limit(found: list[tuple[str, float]], limit: int) -> None:
    """Played through on a clock of its own: no window has more calls than allowed, nothing waits for ever."""
    rate = RateLimit.model_construct(messages=limit, per=60.0, mute=600.0)
    line = [waiting(number, severity, -after) for number, (severity, after) in enumerate(found)]
    calls: list[float] = []
    now = NOW
    while line:
        recent = [at for at in calls if at > now - rate.per]
        ready = recent[-limit] + rate.per if len(recent) >= limit else now
        state = Allowance("ops", max(limit - len(recent), 0), sum(at > now - 10 for at in recent), max(ready, now))
        here = sorted((one for one in line if one.received_at <= now), key=lambda one: one.received_at)
        step = plan(here, [state], rate, now) if here else Pause(min(one.received_at for one in line))
        if isinstance(step, Pause):
            assert step.until > now
            coming = [one.received_at for one in line if one.received_at > now]
            now = min([step.until, *coming])
        else:
            assert ready <= now
            calls.append(now)
            line = [one for one in line if one not in step.notifications]
        assert now < NOW + 1000, "something waits for ever"
    for at in calls:
        assert sum(at - rate.per < other <= at for other in calls) <= limit
