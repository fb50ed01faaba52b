"""What every rule owes: metrics that exist, labels to route by, words and a page for whoever is woken."""

import re

import pytest

from exporters.dispenser.mapfile import load_maps
from tapwatch.catalogue import CATALOGUE
from tests.contract.rules.promql import FOREIGN_METRICS, Matcher, matchers, metric_names
from tests.contract.rules.shipped import RUNBOOKS, Alert, alerts, jobs, recorded, rules

ALERTS = alerts()
EXPRESSIONS = [rule["expr"] for _, rule in rules()]
SITE_LABELS = {"dispenser", "site", "building", "floor", "module", "gateway"}
RUNBOOK_BASE = "https://github.com/tapwatch/tapwatch/blob/main/docs/runbooks/"
DASHBOARD_BASE = "http://127.0.0.1:3000/d/"

AT_ONCE = {
    "Watchdog": "it fires always",
    "DispenserLeak": "water on a floor does more damage the longer it runs",
}
OF_EVERYTHING = {"Watchdog", "DispenserExporterDown", "ClusterExporterDown", "DingTalkBridgeDown"}
"""Alerts about the one thing of its kind, which needs no label to be known."""


def test_the_alerts_that_people_route_and_silence_are_there() -> None:
    """Spelled out on purpose: a rename breaks users' routes, silences and runbooks."""
    assert {alert.name for alert in ALERTS} == {
        "AlertmanagerNotificationsFailing",
        "AlertmanagerUnreachable",
        "AlertsNotSent",
        "ClusterExporterDown",
        "ControlPlaneAddressDown",
        "ControlPlaneCheckFailing",
        "ControlPlaneDiscoveryFailing",
        "ControlPlaneDown",
        "ControlPlaneReplicaDown",
        "ControlPlaneUnobserved",
        "DingTalkBridgeDown",
        "DispenserExporterDown",
        "DispenserFilterWorn",
        "DispenserHotWaterTooCool",
        "DispenserLeak",
        "DispenserOverheating",
        "DispenserScrapeFailing",
        "DispenserUnreachable",
        "DispenserWaterQuality",
        "GatewayUnreachable",
        "InstanceUnreachable",
        "NotificationsFailing",
        "RuleEvaluationFailing",
        "SettingsReloadFailed",
        "SiteUnreachable",
        "OutboxDown",
        "DeliveryLate",
        "AlertsUndelivered",
        "ReconciliationStale",
        "RobotFailing",
        "WatchdogSilent",
        "Watchdog",
        "ZabbixAlertsLost",
        "ZabbixBridgeDown",
        "ZabbixNotificationsFailing",
        "ZabbixOutOfStep",
    }
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_metric_in_a_rule_exists(expr: str) -> None:
    assert metric_names(expr) <= set(CATALOGUE) | FOREIGN_METRICS | recorded()


@pytest.mark.parametrize("found", [found for expr in EXPRESSIONS for found in matchers(expr)], ids=str)
def test_every_label_in_a_rule_is_one_that_the_metric_has(found: Matcher) -> None:
    if found.metric in CATALOGUE:
        assert found.label in {*CATALOGUE[found.metric].labels, *SITE_LABELS}
    elif found.metric == "up":
        assert found.label == "job"
        assert set(found.value.split("|")) <= jobs()


def test_every_fault_state_and_outlet_in_a_rule_is_one_that_the_default_register_map_reads() -> None:
    series = {pair for value in load_maps([])["default"].values for pair in value.series}
    known = {(metric, label, value) for metric, labels in series for label, value in labels}
    asked = {
        (found.metric, found.label, found.value)
        for expr in EXPRESSIONS
        for found in matchers(expr)
        if found.metric.startswith("dispenser_") and found.operator == "="
    }
    assert asked
    assert asked <= known


def test_all_pages_are_about_alerts_that_exist() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
class TestEveryAlert:
    """What whoever is woken can count on."""

    def test_says_how_bad_it_is_and_whose_it_is(self, alert: Alert) -> None:
        team = "facilities" if alert.area == "dispenser" else "platform"
        assert set(alert.labels) == {"severity", "team"}
        assert alert.labels["severity"] in {"critical", "warning", "info"}
        assert alert.labels["team"] == team

    def test_waits_for_a_second_look_unless_it_has_a_reason(self, alert: Alert) -> None:
        assert bool(alert.wait) != (alert.name in AT_ONCE)

    def test_has_the_same_words_as_summary_every_time(self, alert: Alert) -> None:
        summary = alert.annotations["summary"]
        assert "{{" not in summary
        assert summary[0].isupper()
        assert not summary.endswith(".")

    def test_describes_which_thing_it_is_about_in_a_sentence(self, alert: Alert) -> None:
        description = alert.annotations["description"]
        assert ("$labels" in description) == (alert.name not in OF_EVERYTHING)
        assert re.search(r"\.(\{\{ end \}\})?$", description)

    def test_never_shows_a_bare_number(self, alert: Alert) -> None:
        """A count of things may stand as it is."""
        for template in re.findall(r"\{\{ \$value[^}]*\}\}", alert.annotations["description"]):
            assert "|" in template or alert.expr.startswith("count by")

    def test_has_exactly_the_annotations_of_the_contract(self, alert: Alert) -> None:
        assert set(alert.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}

    def test_has_a_runbook_page_with_its_name(self, alert: Alert) -> None:
        assert alert.annotations["runbook_url"] == f"{RUNBOOK_BASE}{alert.name}.md"
        page = (RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {alert.name}\n")

    def test_has_a_page_that_answers_what_people_ask_at_night(self, alert: Alert) -> None:
        page = (RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
        assert headings == ["What it means", "What users notice", "What to check", "What to do", "When to escalate"]
        assert all(part.strip() for part in re.split(r"^## .+$", page, flags=re.MULTILINE)[1:])
        assert "```sh" in page.partition("## What to check")[2].partition("## What to do")[0]

    def test_leads_to_a_dashboard_that_exists(self, alert: Alert) -> None:
        url = alert.annotations["dashboard_url"]
        page, _, choice = url.removeprefix(DASHBOARD_BASE).partition("?")
        assert url.startswith(DASHBOARD_BASE)
        assert page in {"tapwatch-fleet", "tapwatch-controlplane", "tapwatch-delivery"}
        for pair in filter(None, choice.split("&")):
            assert re.fullmatch(r"var-(\w+)=\{\{ \$labels\.\1 \| urlquery \}\}", pair)

    def test_stands_in_the_list_of_pages_and_says_the_same_there_as_on_its_page(self, alert: Alert) -> None:
        severity, team = alert.labels["severity"], alert.labels["team"]
        row = f"| [{alert.name}]({alert.name}.md) | {severity} | {team} |\n"
        page = (RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
        people = "facilities" if team == "facilities" else "the platform team"
        assert row in (RUNBOOKS / "README.md").read_text(encoding="utf-8")
        assert page.splitlines()[2].startswith(f"{severity.capitalize()}, for {people}. Fires ")
