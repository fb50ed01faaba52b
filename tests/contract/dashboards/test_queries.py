"""Every query of every panel and choice: metrics that exist, counters as rates, and Prometheus' own parser."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards import dispensers
from demo.servers import locate
from laboratory.rules.promql import FOREIGN_METRICS, matchers, metric_names
from laboratory.rules.shipped import ALERTING, jobs, recorded
from tapwatch.catalogue import CATALOGUE
from tests.contract.dashboards.shipped import ENGLISH, Place, every_panel, fill_in, places, variables

TARGET_LABELS = {"site", "building", "dispenser", "job"}
ALSO_FOREIGN = {
    "ALERTS_FOR_STATE",
    "alertmanager_alerts",
    "prometheus_tsdb_head_series",
    "scrape_duration_seconds",
}
"""What dashboards read of Prometheus and Alertmanager, and no rule."""
PARTS = ("_bucket",)
"""Of histograms."""


def queries(place: Place) -> list[str]:
    """The panel's, as Grafana sends them at first."""
    return [fill_in(target["expr"], place.dashboard) for target in place.targets]


def declared(name: str) -> str:
    """The metric that a histogram's series belongs to."""
    return next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)


@every_panel(dashboards=ENGLISH)
def test_every_query_reads_metrics_that_exist(place: Place) -> None:
    for expr in queries(place):
        names = {declared(name) for name in metric_names(expr)}
        assert names <= set(CATALOGUE) | FOREIGN_METRICS | ALSO_FOREIGN | recorded(), expr


@every_panel(dashboards=ENGLISH)
def test_every_query_asks_for_labels_that_the_metrics_have(place: Place) -> None:
    for expr in queries(place):
        for found in matchers(expr):
            if found.metric in CATALOGUE:
                assert found.label in {*CATALOGUE[found.metric].labels, *TARGET_LABELS}, expr
            elif found.label == "job" and found.value != ".*":
                assert found.value in jobs(), expr


@every_panel(dashboards=ENGLISH)
def test_every_query_leaves_no_variable_unfilled(place: Place) -> None:
    for expr in queries(place):
        assert "$" not in expr


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    """As rules, which promtool parses without a server."""
    every = [query for place in places(ENGLISH) for query in queries(place)]
    rules = [{"record": f"panel:query{number}", "expr": query} for number, query in enumerate(every)]
    answer = check_rules(tmp_path, rules)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(every)} rules found" in answer.stdout


def test_a_query_that_prometheus_does_not_understand_would_be_found(tmp_path: Path) -> None:
    answer = check_rules(tmp_path, [{"record": "panel:query", "expr": "sum by (site (dispenser_up)"}])
    assert answer.returncode != 0


def check_rules(folder: Path, rules: list[dict[str, str]]) -> subprocess.CompletedProcess[str]:
    file = folder / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    return subprocess.run([locate("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("uid", ENGLISH)
def test_every_choice_is_a_label_of_a_metric_that_exists(uid: str) -> None:
    for variable in variables(ENGLISH[uid], "query"):
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert match
        assert metric_names(fill_in(match[1], ENGLISH[uid])) <= set(CATALOGUE) | FOREIGN_METRICS
        assert match[2] == variable["name"]


def test_what_is_recorded_for_dashboards_is_what_they_ask_for() -> None:
    names = {dispensers.CONDITION, dispensers.LITERS, dispensers.WATTS, dispensers.COOLEST, dispensers.WARMEST}
    rules = yaml.safe_load((ALERTING / "rules" / "dashboards.yaml").read_text(encoding="utf-8"))
    assert {rule["record"] for group in rules["groups"] for rule in group["rules"]} == names


def test_what_is_recorded_for_dashboards_is_right() -> None:
    """On series whose answers are known."""
    cases = Path(__file__).parent / "recorded.yaml"
    answer = subprocess.run([locate("promtool"), "test", "rules", cases], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
