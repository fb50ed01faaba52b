"""What the two sides disagree on for too long."""

from datetime import UTC, datetime

from alerting.zabbix.alertmanager import ActiveAlert
from alerting.zabbix.reconcile import Differences, missing, orphans


def alert(fingerprint: str, *, state: str = "active", receiver: str = "zabbix", **labels: str) -> ActiveAlert:
    fields = {"fingerprint": fingerprint, "labels": {"alertname": "A", **labels}, "annotations": {}}
    status = {"state": state, "silencedBy": []}
    now = datetime.now(UTC)
    return ActiveAlert.model_validate({**fields, "startsAt": now, "status": status, "receivers": [{"name": receiver}]})


def test_an_alert_of_our_receiver_without_a_problem_is_missing() -> None:
    assert set(missing([alert("a"), alert("b")], "zabbix", {"b"})) == {"a"}


def test_what_was_not_for_zabbix_is_not_missing_there() -> None:
    others = [alert("a", state="suppressed"), alert("b", receiver="ops"), alert("c", source="zabbix")]
    assert missing(others, "zabbix", set()) == {}


def test_a_problem_whose_alert_is_gone_is_an_orphan_and_a_silenced_one_is_not() -> None:
    assert orphans([alert("a", state="suppressed")], {"a", "b"}) == ["b"]


def test_a_difference_counts_when_it_has_stood_for_a_while_without_a_break() -> None:
    now = [0.0]
    differences = Differences(300, lambda: now[0])
    assert differences.settled(["a"]) == []
    now[0] = 299
    assert differences.settled(["a"]) == []
    now[0] = 300
    assert differences.settled(["a", "b"]) == ["a"]
    assert differences.settled([]) == []
    now[0] = 700
    assert differences.settled(["a"]) == []
