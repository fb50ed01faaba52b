"""Every query of every panel and choice: metrics that exist, counters as rates, and Prometheus' own parser."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from demo.servers import locate
from tapwatch.catalogue import CATALOGUE
from tests.contract.dashboards.shipped import DASHBOARDS, Place, fill_in, places, variables
from tests.contract.rules.promql import FOREIGN_METRICS, matchers, metric_names
from tests.contract.rules.shipped import jobs

QUERIES = [
    pytest.param(place, target["expr"], id=f"{place} {target['refId']}")
    for place in places()
    for target in place.targets
]
BUCKETS = {f"{metric.name}_bucket" for metric in CATALOGUE.values() if metric.type == "histogram"}
DISPENSER_LABELS = {"site", "building", "dispenser"}


@pytest.mark.parametrize(("place", "expr"), QUERIES)
class TestEveryQuery:
    """Of every panel."""

    def test_reads_metrics_that_exist(self, place: Place, expr: str) -> None:
        assert metric_names(fill_in(expr, place.dashboard)) <= set(CATALOGUE) | BUCKETS | FOREIGN_METRICS

    def test_asks_for_labels_that_the_metrics_have(self, place: Place, expr: str) -> None:
        for found in matchers(fill_in(expr, place.dashboard)):
            if found.metric in CATALOGUE:
                assert found.label in {*CATALOGUE[found.metric].labels, *DISPENSER_LABELS}
            elif found.label == "job":
                assert found.value in jobs()

    def test_reads_counters_as_rates_over_a_window_that_fits_the_time_shown(self, place: Place, expr: str) -> None:
        for name in metric_names(fill_in(expr, place.dashboard)):
            if name in CATALOGUE and CATALOGUE[name].type == "counter":
                window = re.search(rf"(rate|increase)\({name}\{{[^}}]*\}}\[(\$\w+)\]\)", expr)
                assert window
                assert window[2] == {"rate": "$__rate_interval", "increase": "$__range"}[window[1]]
        assert "[$__interval]" not in expr

    def test_leaves_no_variable_unfilled(self, place: Place, expr: str) -> None:
        assert "$" not in fill_in(expr, place.dashboard)


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    """As rules, which promtool parses without a server."""
    queries = [fill_in(target["expr"], place.dashboard) for place in places() for target in place.targets]
    rules = [{"record": f"panel:query{number}", "expr": query} for number, query in enumerate(queries)]
    answer = check_rules(tmp_path, rules)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(queries)} rules found" in answer.stdout


def test_a_query_that_prometheus_does_not_understand_would_be_found(tmp_path: Path) -> None:
    answer = check_rules(tmp_path, [{"record": "panel:query", "expr": "sum by (site (dispenser_up)"}])
    assert answer.returncode != 0


def check_rules(folder: Path, rules: list[dict[str, str]]) -> subprocess.CompletedProcess[str]:
    file = folder / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    return subprocess.run([locate("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_choice_is_a_label_of_a_metric_that_exists(uid: str) -> None:
    for variable in variables(DASHBOARDS[uid])[1:]:
        match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert match
        assert metric_names(fill_in(match[1], DASHBOARDS[uid])) <= set(CATALOGUE)
        assert match[2] == variable["name"]
