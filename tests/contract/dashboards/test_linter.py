"""The 17 rules of grafana/dashboard-linter, each by its name; an exception has its reason."""

import re
from collections.abc import Iterator

import pytest

from dashboards.language import Language
from laboratory.rules.promql import metric_names
from tapwatch.catalogue import CATALOGUE
from tests.contract.dashboards.shipped import DASHBOARDS, Json, Place, every_panel, fill_in, language, variables

COUNTERS = {name for name, metric in CATALOGUE.items() if metric.type == "counter"} | {
    "alertmanager_notifications_total",
    "alertmanager_notifications_failed_total",
    "prometheus_rule_evaluation_failures_total",
}
GRAFANA_UNITS = {
    "short",
    "percentunit",
    "celsius",
    "litre",
    "litreh",
    "kwatth",
    "watth",
    "watt",
    "pressurepa",
    "bytes",
    "s",
    "h",
    "d",
    "cpm",
    "dateTimeAsIso",
}
"""Those of Grafana's list that we use."""
OWN_UNITS = {"suffix: mg/L", "suffix: NTU", "currency:NT$"}
"""In Grafana's syntax for units that its list has not."""
BY_PROCESS = {"tapwatch-pipeline", "tapwatch-pipeline-zh-tw"}
"""template-job and target-job hold there; elsewhere people choose sites and clusters, not processes."""

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS.keys())


def expressions(dashboard: Json) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


@every_dashboard
def test_template_datasource_rule(dashboard: Json) -> None:
    """In Chinese its label is Chinese, against the rule's letter."""
    first = variables(dashboard)[0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert first["label"] == ("Data source" if language(dashboard) is Language.EN else "資料來源")


@every_dashboard
def test_template_job_rule(dashboard: Json) -> None:
    assert ("job" in {one["name"] for one in variables(dashboard)}) == (dashboard["uid"] in BY_PROCESS)


@every_dashboard
def test_template_instance_rule(dashboard: Json) -> None:
    """Nobody chooses an instance: a dispenser's is its address, a process' stands in the panels by itself."""
    assert "instance" not in {one["name"] for one in variables(dashboard)}


@every_dashboard
def test_template_label_promql_rule(dashboard: Json) -> None:
    """Prometheus' own parser reads the selectors in test_queries."""
    for variable in variables(dashboard, "query"):
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert match
        assert match[2] == variable["name"]


@every_dashboard
def test_template_on_time_change_reload_rule(dashboard: Json) -> None:
    assert {one["refresh"] for one in variables(dashboard, "query")} == {2}


@every_panel()
def test_panel_datasource_rule(place: Place) -> None:
    for one in (place.panel, *place.targets):
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_panel()
def test_panel_title_description_rule(place: Place) -> None:
    assert place.panel["title"]
    assert place.panel["description"]


@every_panel()
def test_panel_units_rule(place: Place) -> None:
    overrides = [
        item["value"]
        for override in place.panel["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "unit"
    ]
    assert {place.panel["fieldConfig"]["defaults"]["unit"], *overrides} <= GRAFANA_UNITS | OWN_UNITS


@every_panel()
def test_panel_no_targets_rule(place: Place) -> None:
    assert all(target["expr"] for target in place.targets)
    assert place.targets


@every_panel()
def test_target_logql_rule(place: Place) -> None:
    """There is no LogQL."""
    assert {target["datasource"]["type"] for target in place.targets} == {"prometheus"}


@every_panel()
def test_target_logql_auto_rule(place: Place) -> None:
    """There is no LogQL, so no $__auto."""
    assert all("$__auto" not in target["expr"] for target in place.targets)


@every_panel()
def test_target_promql_rule(place: Place) -> None:
    """Prometheus' own parser reads the queries in test_queries; here, that brackets close."""
    for target in place.targets:
        for opened, closed in ("()", "[]", "{}"):
            assert target["expr"].count(opened) == target["expr"].count(closed)


@every_panel()
def test_target_rate_interval_rule(place: Place) -> None:
    """increase() is over the time shown, which is what the panel is about."""
    for target in place.targets:
        for function, window in re.findall(r"\b(i?rate|increase)\([^\[\]]*\[([^\]]+)\]", target["expr"]):
            allowed = {"increase": {"$__range", "$__range:10m"}}.get(function, {"$__rate_interval"})
            assert window in allowed, target["expr"]


@every_dashboard
def test_target_job_rule(dashboard: Json) -> None:
    """On the page by processes every query of `up` and its like asks for the chosen job."""
    if dashboard["uid"] in BY_PROCESS:
        found = [expr for expr in expressions(dashboard) if re.search(r"\bup\{|scrape_duration_seconds\{", expr)]
        assert found
        assert all('job=~"$job"' in expr for expr in found)


@every_dashboard
def test_target_instance_rule(dashboard: Json) -> None:
    """As there is no such choice, no query may ask for it."""
    assert all("$instance" not in expr for expr in expressions(dashboard))


@every_panel()
def test_target_counter_agg_rule(place: Place) -> None:
    for target in place.targets:
        expr = target["expr"]
        for name in metric_names(fill_in(expr, place.dashboard)) & COUNTERS:
            uses = len(re.findall(rf"\b{name}\b", expr))
            assert len(re.findall(rf"\b(?:rate|increase)\({name}\b", expr)) == uses, expr


@every_dashboard
def test_uneditable_dashboard_rule(dashboard: Json) -> None:
    assert dashboard["editable"] is False


def test_there_is_a_test_for_each_of_the_seventeen_rules() -> None:
    rules = {name for name in globals() if name.startswith("test_") and name.endswith(("_rule",))}
    assert len(rules) == 17
