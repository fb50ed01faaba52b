"""Who is told: Alertmanager's own tool walks the routes, and every name in them is one that exists."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from demo.servers import locate
from laboratory.rules.shipped import ROUTING, Alert, alerts, load
from tapwatch.settings import parse_duration

CONFIG: Mapping[str, Any] = load(ROUTING)


def amtool(*arguments: str) -> str:
    answer = subprocess.run([locate("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def route_of(labels: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings of the route that an alert takes, inherited ones too, for matchers of the form `label = value`."""
    found = dict(CONFIG["route"])
    while children := found.pop("routes", None):
        taken = next((child for child in children if matches(child, labels)), None)
        if taken is None:
            break
        found |= taken
    return found


def matches(route: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    pairs = (matcher.split(" = ") for matcher in route.get("matchers", []))
    return all(labels.get(label) == value for label, value in pairs)


def test_amtool_finds_nothing_wrong_with_the_file() -> None:
    assert "SUCCESS" in amtool("check-config", str(ROUTING))


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=DispenserLeak severity=critical team=facilities site=main", "dingtalk-facilities"),
        ("alertname=DispenserFilterWorn severity=info team=facilities site=main", "dingtalk-facilities"),
        ("alertname=DispenserLeak severity=critical team=facilities site=hospital", "dingtalk-hospital"),
        ("alertname=GatewayUnreachable severity=warning team=facilities site=hospital", "dingtalk-hospital"),
        ("alertname=ControlPlaneReplicaDown severity=warning team=platform cluster=campus", "dingtalk-platform"),
        ("alertname=ControlPlaneDown severity=critical team=platform cluster=campus", "dingtalk-platform"),
        ("alertname=DispenserScrapeFailing severity=warning team=platform site=hospital", "dingtalk-platform"),
        ("alertname=SomebodyElses", "dingtalk-platform"),
        ("alertname=SomebodyElses severity=critical", "dingtalk-platform"),
        ("alertname=Watchdog severity=info team=platform", "watchdog"),
    ],
)
def test_an_alert_goes_to_its_people(labels: str, receiver: str) -> None:
    out = amtool(
        "config", "routes", "test", f"--config.file={ROUTING}", f"--verify.receivers={receiver}", *labels.split()
    )
    assert out.split() == [receiver]


@pytest.mark.parametrize(
    "alert", [alert for alert in alerts() if alert.name != "Watchdog"], ids=lambda alert: alert.name
)
@pytest.mark.parametrize("site", ["main", "hospital"])
def test_the_worse_an_alert_the_sooner_it_is_told_wherever_it_is(alert: Alert, site: str) -> None:
    route = route_of({"alertname": alert.name, "site": site, **alert.labels})
    longest = {"critical": "5s", "warning": "30s", "info": "10m"}[alert.labels["severity"]]
    assert parse_duration(route["group_wait"]) == parse_duration(longest)
    assert ("dispenser" in route["group_by"]) == (alert.labels["severity"] == "critical")


def test_every_receiver_tells_the_bridge_and_all_but_the_watchdogs_of_the_end_too() -> None:
    for receiver in CONFIG["receivers"]:
        is_watchdog = receiver["name"] == "watchdog"
        url = f"http://127.0.0.1:9804/{'watchdog/main' if is_watchdog else 'dingtalk/ops'}"
        assert receiver["webhook_configs"] == [{"url": url, "send_resolved": not is_watchdog}]


def inhibition_names() -> Iterator[str]:
    """Every pattern for alert names in the inhibition rules."""
    for rule in CONFIG["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            if name := re.fullmatch(r'alertname =~? "?([^"]+)"?', matcher):
                yield name[1]


@pytest.mark.parametrize("pattern", sorted(set(inhibition_names())))
def test_every_inhibition_is_about_alerts_that_exist(pattern: str) -> None:
    names = {alert.name for alert in alerts()}
    for part in re.split(r"\|(?![^(]*\))", pattern):
        assert any(re.fullmatch(part, name) for name in names)


def test_a_leak_is_never_inhibited() -> None:
    for rule in CONFIG["inhibit_rules"]:
        for matcher in rule["target_matchers"]:
            if name := re.fullmatch(r'alertname =~? "?([^"]+)"?', matcher):
                assert not re.fullmatch(name[1], "DispenserLeak")
