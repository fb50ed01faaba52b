"""What an API server says of its health."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.cluster.failure import reason_of_status
from exporters.cluster.health import Health, Probe, judge_status, parse_checks
from tapwatch.errors import PollError, PollReason

REAL = """\
[+]ping ok
[+]log ok
[-]etcd failed: reason withheld
[+]poststarthook/rbac/bootstrap-roles ok
readyz check failed
"""


def test_each_check_of_a_verbose_answer_is_read() -> None:
    assert parse_checks(REAL) == {
        "ping": True,
        "log": True,
        "etcd": False,
        "poststarthook/rbac/bootstrap-roles": True,
    }


def test_an_excluded_check_says_nothing() -> None:
    assert parse_checks("[+]ping ok\n[+]etcd excluded: ok\n") == {"ping": True}


def test_a_check_that_is_told_twice_passes_only_when_both_pass() -> None:
    assert parse_checks("[-]etcd failed\n[+]etcd ok\n") == {"etcd": False}
    assert parse_checks("[+]etcd ok\n[-]etcd failed\n") == {"etcd": False}


@pytest.mark.parametrize("text", ["", "ok", "<html>502 Bad Gateway</html>", "[+]", "[?]ping ok", "see [+]ping ok"])
def test_text_of_another_kind_holds_no_checks(text: str) -> None:
    assert parse_checks(text) == {}


@given(st.text())
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    assert all(name and not name.isspace() for name in parse_checks(text))


def test_the_status_decides_and_not_the_text() -> None:
    assert judge_status("/livez", 200, {"etcd": False}) is None
    failure = judge_status("/readyz", 500, {"ping": True, "etcd": False, "informer-sync": False})
    assert failure is not None
    assert (failure.reason, str(failure)) == (
        PollReason.UNHEALTHY,
        "/readyz answered 500; failed: etcd, informer-sync",
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (500, "unhealthy"),
        (503, "unhealthy"),
        (302, "garbled"),
        (404, "missing"),
        (429, "unhealthy"),
    ],
)
def test_every_other_status_has_its_reason(status: int, reason: str) -> None:
    assert reason_of_status(status) == reason


def test_a_probe_fails_with_its_first_failure() -> None:
    late = PollError(PollReason.TIMEOUT, "no answer within 4 s")
    live, ready = Health("/livez", 0.01, {}), Health("/readyz", 4.0, {}, late)
    assert Probe((live, ready), 0.0).failure is late
    assert Probe((live,), 0.0).failure is None
