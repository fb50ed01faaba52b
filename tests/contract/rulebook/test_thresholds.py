"""Limits as Prometheus gets them: whatever is set, each dispenser is held to the limit that is nearest to it."""

import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerting.rulebook.limits import shipped_limits
from alerting.rulebook.quantity import DIMENSIONS, parse_quantity
from alerting.rulebook.rulefile import thresholds_file
from alerting.rulebook.thresholds import Scope, Thresholds, load_thresholds
from demo.servers import locate
from laboratory.rules.shipped import ALERTING

DOCS = ALERTING.parent / "docs" / "rules.md"

FILE = """
thresholds:
  - {limit: hot_storage_celsius, value: 61 °C, module: "model \\"B\\"", source: data sheet}
  - {limit: hot_storage_celsius, value: 62 °C, site: hospital, source: infection control}
  - {limit: hot_storage_celsius, value: 63 °C, site: hospital, module: "model \\"B\\"", source: infection control}
"""
CASES = {("main", "A"): 60, ("main", 'model "B"'): 61, ("hospital", "A"): 62, ("hospital", 'model "B"'): 63}


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def test_prometheus_holds_each_dispenser_to_the_nearest_limit(tmp_path: Path) -> None:
    settings = tmp_path / "thresholds.yaml"
    settings.write_text(FILE, encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(thresholds_file(load_thresholds(settings)), encoding="utf-8")
    series = [
        f'dispenser_up{{site={quoted(site)},module={quoted(module)},instance="{number}"}}'
        for number, (site, module) in enumerate(CASES)
    ]
    labels = 'site_module:dispenser_limit{{limit="hot_storage_celsius",site={},module={}}}'
    expected = [
        {"labels": labels.format(quoted(site), quoted(module)), "value": value}
        for (site, module), value in CASES.items()
    ]
    query = {"expr": 'site_module:dispenser_limit{limit="hot_storage_celsius"}', "eval_time": "1m"}
    case = {
        "interval": "15s",
        "input_series": [{"series": one, "values": "1x10"} for one in series],
        "promql_expr_test": [query | {"exp_samples": expected}],
    }
    test = tmp_path / "test.yaml"
    test.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}), encoding="utf-8")
    answer = subprocess.run([locate("promtool"), "test", "rules", test], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


NAMES = st.sampled_from([None, "a", "b"])
SCOPES = st.builds(Scope, NAMES, NAMES)


@given(st.dictionaries(SCOPES, st.floats(0, 100)), SCOPES)
def test_the_nearest_scope_wins_and_a_site_goes_before_a_model(values: dict[Scope, float], place: Scope) -> None:
    thresholds = Thresholds({"x": {Scope(): -1.0} | values})
    found = thresholds.at("x", place)
    order = [place, Scope(site=place.site), Scope(module=place.module), Scope()]
    assert found == next(thresholds.values["x"][one] for one in order if one in thresholds.values["x"])


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("60 °C", "celsius", 60),
        ("500 mg/L", "grams_per_liter", 0.5),
        ("0.5 g/L", "grams_per_liter", 0.5),
        ("12.5 %", "ratio", 0.125),
        ("1.5 GiB", "bytes", 1610612736),
        ("72h", "seconds", 259200),
        ("3 /h", "per_hour", 3),
    ],
)
def test_a_quantity_is_read_in_the_base_unit(text: str, unit: str, number: float) -> None:
    assert parse_quantity(text, unit) == number


@given(st.sampled_from(sorted(DIMENSIONS)), st.floats(-1e6, 1e6).map(lambda number: round(number, 3)))
def test_a_number_without_its_unit_is_never_taken(unit: str, number: float) -> None:
    for text in (number, f"{number:.3f}", f"{number:.3f} furlongs"):
        with pytest.raises(ValueError, match="must be a number with its unit such as"):
            parse_quantity(text, unit)


@pytest.mark.parametrize("name", shipped_limits().all)
def test_every_limit_stands_in_the_documentation_with_its_source(name: str) -> None:
    limit = shipped_limits().all[name]
    row = f"| `{name}` | {limit.value} | {limit.meaning} | {limit.source} |\n"
    assert row in DOCS.read_text(encoding="utf-8")
