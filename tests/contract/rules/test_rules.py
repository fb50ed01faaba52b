"""What every rule owes: metrics that exist, labels to route by, words and a page for whoever is woken."""

import re
from pathlib import Path

import pytest

from alerting.rulebook.limits import shipped_limits
from alerting.rulebook.rulefile import CLUSTER_LIMIT, DISPENSER_LIMIT, SAMPLING
from dashboards.provisioning import GENERATED
from exporters.dispenser.mapfile import load_maps
from laboratory.rules.promql import FOREIGN_METRICS, Matcher, matchers, metric_names
from laboratory.rules.shipped import RUNBOOKS, TRANSLATIONS, Alert, alerts, jobs, recorded, rules
from tapwatch.catalogue import CATALOGUE

ALERTS = alerts()
EXPRESSIONS = [rule["expr"] for _, rule in rules()]
SITE_LABELS = {"dispenser", "site", "building", "floor", "module", "gateway"}
RUNBOOK_BASE = "https://github.com/tapwatch/tapwatch/blob/main/docs/runbooks/"
DASHBOARD_BASE = "http://127.0.0.1:3000/d/"

DASHBOARDS = {file.stem for file in GENERATED.glob("en/*.json")}

AT_ONCE = {
    "Watchdog": "it fires always",
    "DispenserCounterReset": "a reading that is less than the one before does not come again",
    "DispenserLeak": "water on a floor does more damage the longer it runs",
}
CHINESE_HEADINGS = ["代表什麼", "使用者會察覺什麼", "要檢查什麼", "要做什麼", "何時上報"]
CHINESE = {
    "critical": "嚴重",
    "warning": "警告",
    "info": "資訊",
    "facilities": "設施人員",
    "platform": "平台團隊",
}
OUR_PREFIXES = ("dispenser_", "controlplane_", "tapwatch_")

OF_EVERYTHING = {"Watchdog", "DispenserExporterDown", "ClusterExporterDown", "DingTalkBridgeDown"}
"""Alerts about the one thing of its kind, which needs no label to be known."""


def commands(page: str) -> list[str]:
    """The commands of a page's checks."""
    checks = re.split(r"^## .+$", page, flags=re.MULTILINE)[3]
    return [line for block in re.findall(r"```sh\n(.*?)```", checks, re.DOTALL) for line in block.splitlines()]


def test_the_alerts_that_people_route_and_silence_are_there() -> None:
    """Spelled out on purpose: a rename breaks users' routes, silences and runbooks."""
    assert {alert.name for alert in ALERTS} == {
        "AlertmanagerClusterSplit",
        "AlertmanagerHearsNothing",
        "AlertmanagerNotificationsFailing",
        "AlertmanagerSettingsDiffer",
        "AlertmanagerUnreachable",
        "AlertsNotSent",
        "ClusterExporterCrashing",
        "ClusterExporterDown",
        "ControlPlaneAddressBudgetBurnsFast",
        "ControlPlaneAddressBudgetBurnsSlow",
        "ControlPlaneAddressDisagrees",
        "ControlPlaneAddressDown",
        "ControlPlaneApiServiceUnavailable",
        "ControlPlaneCertificateExpiring",
        "ControlPlaneCheckFailing",
        "ControlPlaneClockSkew",
        "ControlPlaneContainerRestarting",
        "ControlPlaneCredentialExpiring",
        "ControlPlaneDiscoveryFailing",
        "ControlPlaneDown",
        "ControlPlaneEtcdAlarm",
        "ControlPlaneEtcdDatabaseLarge",
        "ControlPlaneEtcdElections",
        "ControlPlaneEtcdLagging",
        "ControlPlaneEtcdMemberDown",
        "ControlPlaneEtcdNoLeader",
        "ControlPlaneLeaderFlapping",
        "ControlPlaneLeaderStuck",
        "ControlPlaneNodeDiskFull",
        "ControlPlaneNodeNotReady",
        "ControlPlaneNodePressure",
        "ControlPlaneNodeSilent",
        "ControlPlaneNodesSilent",
        "ControlPlaneReadOnly",
        "ControlPlaneReadsStale",
        "ControlPlaneReplicaDown",
        "ControlPlaneReplicaHung",
        "ControlPlaneReplicasDisagree",
        "ControlPlaneRightMissing",
        "ControlPlaneRolloutStuck",
        "ControlPlaneSystemPodNotReady",
        "ControlPlaneUnobserved",
        "ControlPlaneVersionSkew",
        "ControlPlaneVolumeFull",
        "ControlPlaneWatchFailing",
        "ControlPlaneWebhookUnbacked",
        "ControlPlaneWorkloadShort",
        "ControlPlaneWorkloadUnseen",
        "ControlPlaneWriteBudgetBurnsFast",
        "ControlPlaneWriteBudgetBurnsSlow",
        "ControlPlaneWriteFailing",
        "DingTalkBridgeDown",
        "DispenserColdWaterTooWarm",
        "DispenserCoolerIneffective",
        "DispenserCounterReset",
        "DispenserDryRun",
        "DispenserEnergyUnusual",
        "DispenserExporterDown",
        "DispenserFault",
        "DispenserFilterOverdue",
        "DispenserFilterWorn",
        "DispenserGrowthTemperature",
        "DispenserHeaterIneffective",
        "DispenserHotWaterTooCool",
        "DispenserLampWorn",
        "DispenserLeak",
        "DispenserMaintenanceDue",
        "DispenserMapMismatch",
        "DispenserMembraneFailing",
        "DispenserOverflow",
        "DispenserOverheating",
        "DispenserProbesFailing",
        "DispenserSamplingDue",
        "DispenserScaldRisk",
        "DispenserScrapeFailing",
        "DispenserTurbidity",
        "DispenserUnreachable",
        "DispenserUnused",
        "DispenserUvOff",
        "DispenserWaterQuality",
        "GatewayUnreachable",
        "InstanceUnreachable",
        "ModbusStrayAnswers",
        "NotificationsFailing",
        "PrometheusDiscoveryFailing",
        "PrometheusPairDiffers",
        "PrometheusQueueFilling",
        "PrometheusRulesLate",
        "PrometheusSamplesRefused",
        "PrometheusStorageFailing",
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
    assert metric_names(expr) <= set(CATALOGUE) | FOREIGN_METRICS | recorded() | {SAMPLING}


@pytest.mark.parametrize("found", [found for expr in EXPRESSIONS for found in matchers(expr)], ids=str)
def test_every_label_in_a_rule_is_one_that_the_metric_has(found: Matcher) -> None:
    if found.metric in CATALOGUE:
        assert found.label in {*CATALOGUE[found.metric].labels, *SITE_LABELS}
    elif found.metric == "up" and found.label == "job":
        assert set(found.value.split("|")) <= jobs()
    elif found.metric == "up":
        assert found.label in SITE_LABELS


def test_every_fault_state_and_outlet_in_a_rule_is_one_that_the_default_register_map_reads() -> None:
    series = {pair for value in load_maps([])["default"].values for pair in value.series}
    known = {(metric, label, value) for metric, labels in series for label, value in labels}
    asked = {
        (found.metric, found.label, found.value)
        for expr in EXPRESSIONS
        for found in matchers(expr)
        if found.operator == "=" and found.metric in {metric for metric, _ in series}
    }
    assert asked
    assert asked <= known


@pytest.mark.parametrize("folder", [RUNBOOKS, *TRANSLATIONS], ids=lambda folder: folder.name)
def test_all_pages_are_about_alerts_that_exist(folder: Path) -> None:
    assert {page.stem for page in folder.glob("*.md")} - {"README"} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize("folder", [RUNBOOKS, *TRANSLATIONS], ids=lambda folder: folder.name)
def test_every_link_between_pages_leads_to_a_page(folder: Path) -> None:
    for page in folder.glob("*.md"):
        for target in re.findall(r"\]\(([^):#]+\.md)", page.read_text(encoding="utf-8")):
            assert (folder / target).is_file(), f"{page.name} leads to {target}"


def test_every_limit_in_a_rule_is_one_that_people_can_set_and_the_other_way_round() -> None:
    asked = {(found.metric, found.value) for expr in EXPRESSIONS for found in matchers(expr) if found.label == "limit"}
    limits = shipped_limits()
    known = {(DISPENSER_LIMIT, name) for name in limits.dispensers} | {
        (CLUSTER_LIMIT, name) for name in limits.clusters
    }
    assert asked == known


@pytest.mark.parametrize("folder", [RUNBOOKS, *TRANSLATIONS], ids=lambda folder: folder.name)
def test_no_command_in_a_page_is_torn_into_items_of_a_list(folder: Path) -> None:
    for page in folder.glob("*.md"):
        for item in re.split(r"^- ", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
            assert item.count("`") % 2 == 0, f"{page.name}: {item.splitlines()[0]}"


@pytest.mark.parametrize("folder", [RUNBOOKS, *TRANSLATIONS], ids=lambda folder: folder.name)
def test_every_query_in_a_page_asks_for_what_there_is(folder: Path) -> None:
    for page in folder.glob("*.md"):
        for query in re.findall(r"^promtool query instant \S+ '(.*)'$", page.read_text(encoding="utf-8"), re.MULTILINE):
            names = {name for name in metric_names(query) if name.startswith(OUR_PREFIXES) or ":" in name}
            assert names <= set(CATALOGUE) | recorded() | {SAMPLING}, page.name


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

    @pytest.mark.parametrize("folder", TRANSLATIONS, ids=lambda folder: folder.name)
    def test_has_the_same_page_in_the_other_language(self, alert: Alert, folder: Path) -> None:
        ours, theirs = (
            file.read_text(encoding="utf-8") for file in (RUNBOOKS / f"{alert.name}.md", folder / f"{alert.name}.md")
        )
        assert theirs.startswith(f"# {alert.name}\n")
        assert re.findall(r"^## (.+)$", theirs, re.MULTILINE) == CHINESE_HEADINGS
        assert all(part.strip() for part in re.split(r"^## .+$", theirs, flags=re.MULTILINE)[1:])
        assert commands(theirs) == commands(ours)
        severity, team = CHINESE[alert.labels["severity"]], CHINESE[alert.labels["team"]]
        row = f"| [{alert.name}]({alert.name}.md) | {severity} | {team} |\n"
        assert theirs.splitlines()[2].startswith(f"{severity}，對象：{team}。")
        assert row in (folder / "README.md").read_text(encoding="utf-8")

    def test_leads_to_a_dashboard_that_exists(self, alert: Alert) -> None:
        url = alert.annotations["dashboard_url"]
        page, _, choice = url.removeprefix(DASHBOARD_BASE).partition("?")
        assert url.startswith(DASHBOARD_BASE)
        assert page in DASHBOARDS
        for pair in filter(None, choice.split("&")):
            assert re.fullmatch(r"var-(\w+)=\{\{ \$labels\.\1 \| urlquery \}\}", pair)

    def test_stands_in_the_list_of_pages_and_says_the_same_there_as_on_its_page(self, alert: Alert) -> None:
        severity, team = alert.labels["severity"], alert.labels["team"]
        row = f"| [{alert.name}]({alert.name}.md) | {severity} | {team} |\n"
        page = (RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
        people = "facilities" if team == "facilities" else "the platform team"
        assert row in (RUNBOOKS / "README.md").read_text(encoding="utf-8")
        assert page.splitlines()[2].startswith(f"{severity.capitalize()}, for {people}. Fires ")
