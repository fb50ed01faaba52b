"""Zabbix' problems as alerts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.zabbix import forward
from alerting.zabbix.problems import Problem

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DISK = Problem(
    event_id="55",
    trigger_id="9",
    name="Disk is full",
    severity=4,
    unix_time=int(NOW.timestamp()) - 60,
    acknowledged=False,
    suppressed=False,
    tags=(("cluster", "campus"), ("scope", "capacity"), ("scope", "availability")),
    hosts=(("worker-1", "Worker 1"),),
    groups=("Linux servers", "Taipei"),
    updates=(),
)


def alerts(*problems: Problem) -> dict[str, dict[str, object]]:
    return forward.alerts(problems, NOW, timedelta(minutes=2), "https://zabbix.example", "platform")


def test_host_groups_tags_and_severity_are_labels() -> None:
    assert forward.labels(DISK, "platform") == {
        "alertname": "Disk is full",
        "severity": "critical",
        "source": "zabbix",
        "host": "Worker 1",
        "instance": "worker-1",
        "host_group": "Linux servers, Taipei",
        "cluster": "campus",
        "scope": "availability, capacity",
        "team": "platform",
    }


@pytest.mark.parametrize(
    ("tag", "label"), [("team", "team"), ("source", "tag_source"), ("severity", "tag_severity"), ("a b/c", "a_b_c")]
)
def test_a_tag_keeps_its_name_where_that_is_free(tag: str, label: str) -> None:
    assert forward.labels(replace(DISK, tags=((tag, "v"),)), "platform")[label] == "v"


def test_what_a_label_cannot_be_called_is_called_nearly_so() -> None:
    labels = forward.labels(replace(DISK, tags=(("9lives", "v"), ("水", "w"))), "platform")
    assert labels["_9lives"] == "v"
    assert labels["_"] == "w"


def test_an_alert_ends_by_itself_when_it_is_not_posted_again() -> None:
    alert = alerts(DISK)["55"]
    assert alert["startsAt"] == "2026-11-21T11:59:00+00:00"
    assert alert["endsAt"] == "2026-11-21T12:02:00+00:00"
    assert alert["generatorURL"] == "https://zabbix.example/tr_events.php?triggerid=9&eventid=55"
    assert forward.ended(alert, NOW)["endsAt"] == "2026-11-21T12:00:00+00:00"


def test_what_came_from_alertmanager_and_what_zabbix_suppresses_is_left_out() -> None:
    ours = replace(DISK, event_id="56", tags=(("fingerprint", "aa"), ("source", "tapwatch")))
    assert list(alerts(DISK, ours, replace(DISK, event_id="57", suppressed=True))) == ["55"]


def test_a_foreign_tag_called_fingerprint_does_not_hide_a_problem() -> None:
    assert list(alerts(replace(DISK, tags=(("fingerprint", "aa"),)))) == ["55"]
