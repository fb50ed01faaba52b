"""The promtool tests: every alert has all four kinds, each says what it claims, and promtool agrees."""

import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from demo.servers import locate
from laboratory.rules.shipped import RULE_FILES, TEST_FILES, Alert, alerts, load, recorded

KINDS = {"fires", "is quiet", "at the boundary", "without data"}
RECORDED = "is recorded"
"""The kind of a test of a recording that stands on days of data."""
NAME = re.compile(rf"([\w:]+) ({'|'.join(sorted({*KINDS, RECORDED}))})\b")
NEVER_QUIET = {"Watchdog"}
RARELY_TIDY = {**os.environ, "GOGC": "400"}
"""Go's garbage collector takes a quarter of promtool's time otherwise."""
CASES: list[dict[str, Any]] = [case for file in TEST_FILES for case in load(file)["tests"]]


def identify(case: dict[str, Any]) -> tuple[str, str]:
    """Alert and kind by the test's name."""
    match = NAME.match(case["name"])
    assert match, f"{case['name']!r} is not an alert and one of: {', '.join(sorted(KINDS))}"
    return match[1], match[2]


def asked_alerts(case: dict[str, Any]) -> set[str]:
    """The alerts that the test looks at."""
    by_query = re.findall(r'alertname="(\w+)"', " ".join(one["expr"] for one in case.get("promql_expr_test", [])))
    return {*by_query, *(one["alertname"] for one in case.get("alert_rule_test", []))}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_every_alert_has_the_four_kinds_of_tests_beside_its_rule(alert: Alert) -> None:
    kinds = defaultdict(set)
    for file in TEST_FILES:
        for case in load(file)["tests"]:
            name, kind = identify(case)
            kinds[name, file.stem].add(kind)
    expected = KINDS - ({"is quiet"} if alert.name in NEVER_QUIET else set())
    assert kinds[alert.name, alert.file] == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_test_looks_at_what_it_names(case: dict[str, Any]) -> None:
    name, kind = identify(case)
    if kind == RECORDED:
        assert name in recorded()
        assert all(name in one["expr"] for one in case["promql_expr_test"])
    else:
        assert asked_alerts(case) == {name}


@pytest.mark.parametrize(
    "case", [case for case in CASES if identify(case)[1] == "fires"], ids=lambda case: case["name"]
)
def test_every_firing_alert_is_expected_with_all_its_words(case: dict[str, Any]) -> None:
    expected = [one for test in case["alert_rule_test"] for one in test["exp_alerts"]]
    assert expected
    for one in expected:
        assert set(one["exp_annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if identify(case)[1] == "fires"], ids=lambda case: case["name"]
)
def test_the_place_flows_through_from_the_series(case: dict[str, Any]) -> None:
    """By `site` or `cluster` people route; what is about the pipeline as a whole has neither."""
    alert, _ = identify(case)
    area = next(one.area for one in alerts() if one.name == alert)
    place = {"dispenser": "site", "controlplane": "cluster"}.get(area)
    for test in case["alert_rule_test"]:
        for one in test["exp_alerts"]:
            assert place is None or one["exp_labels"][place]


@pytest.mark.parametrize(
    "case", [case for case in CASES if identify(case)[1] == "is quiet"], ids=lambda case: case["name"]
)
def test_every_quiet_test_expects_silence_for_what_it_feeds(case: dict[str, Any]) -> None:
    """Without series there is nothing to be quiet about."""
    assert case["input_series"]
    for test in case.get("alert_rule_test", []):
        assert test["exp_alerts"] == []


@pytest.mark.parametrize(
    "case", [case for case in CASES if identify(case)[1] == "at the boundary"], ids=lambda case: case["name"]
)
def test_every_boundary_is_seen_from_the_side_where_it_fires(case: dict[str, Any]) -> None:
    assert any(test["exp_samples"] for test in case["promql_expr_test"])


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
def test_promtool_finds_nothing_wrong_with_the_rules(file: Path) -> None:
    answer = subprocess.run([locate("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.timeout(600)  # months of an hour each
@pytest.mark.parametrize("tests", TEST_FILES, ids=lambda file: file.stem)
def test_promtool_says_that_the_rules_do_what_their_tests_say(tests: Path) -> None:
    answer = subprocess.run(
        [locate("promtool"), "test", "rules", tests], capture_output=True, text=True, check=False, env=RARELY_TIDY
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
