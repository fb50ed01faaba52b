"""Values of labels that rules select by: known to the catalogue, told on a page, and asked after when misspelt."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exporters.dispenser.check import check_map
from exporters.dispenser.mapfile import BUILT_IN
from laboratory.rules.promql import Matcher, matchers
from laboratory.rules.shipped import alerts, rules
from tapwatch.catalogue import CATALOGUE, KnownLabel

PAGE = Path("docs/register-maps.md")
KNOWN: Mapping[str, KnownLabel] = {label.name: label for metric in CATALOGUE.values() for label in metric.known_labels}


def selections(expr: str) -> Iterator[tuple[Matcher, frozenset[str]]]:
    """Each matcher on a label that a register map fills in, with the known values that it selects."""
    for matcher in matchers(expr):
        metric = CATALOGUE.get(matcher.metric)
        if metric is None or matcher.label not in metric.labels:
            continue
        for label in metric.known_labels:
            if label.name == matcher.label:
                yield matcher, frozenset(value for value in label.names if selects(matcher, value))


def selects(matcher: Matcher, value: str) -> bool:
    equal = re.fullmatch(matcher.value, value) if "~" in matcher.operator else matcher.value == value
    return bool(equal) != matcher.operator.startswith("!")


def named(matcher: Matcher) -> set[str]:
    return set(matcher.value.split("|")) if "~" in matcher.operator else {matcher.value}


def test_every_value_that_a_rule_selects_is_known() -> None:
    found = [matcher for _, rule in rules() for matcher, _ in selections(rule["expr"])]
    assert len(found) > 30, "the rules were not understood"
    unknown = {(one.metric, one.label, value) for one in found for value in named(one) - set(KNOWN[one.label].names)}
    assert unknown == set()


def test_a_label_of_devices_that_a_rule_selects_by_has_known_values() -> None:
    """A new selector on another label wants its values in the catalogue."""
    of_devices = {"dispenser_probe_failure_info"}  # its reasons are ours
    selected = {
        matcher.label
        for _, rule in rules()
        for matcher in matchers(rule["expr"])
        if matcher.metric.startswith("dispenser_") and matcher.metric not in of_devices
    }
    assert selected <= KNOWN.keys()


def expected_rows() -> list[str]:
    lines = ["| label | value | meaning | alerts that select it |", "|---|---|---|---|"]
    for label in KNOWN.values():
        for value, meaning in label.values:
            who = [
                alert.name
                for alert in alerts()
                if any(one.label == label.name and value in chosen for one, chosen in selections(alert.expr))
            ]
            lines.append(f"| `{label.name}` | `{value}` | {meaning} | {', '.join(dict.fromkeys(who))} |")
    return [line.replace("|  |", "| |") for line in lines]


def test_the_page_tells_each_value_with_the_alerts_that_select_it() -> None:
    section = PAGE.read_text("utf-8").partition("## Values that rules know\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == expected_rows()


def check(tmp_path: Path, *registers: str) -> Result:
    file = tmp_path / "acme.yaml"
    file.write_text("registers:\n" + "".join(f"  - {{{one}}}\n" for one in registers), encoding="utf-8")
    return CliRunner().invoke(check_map, [str(file)])


TEMPERATURE = "at: h0, type: s16, metric: dispenser_water_temperature_celsius"
FAULTS = "at: h1, type: u16, metric: dispenser_fault_active"
STATES = "at: h2, type: u16, metric: dispenser_state"
STAGES = "at: h3, type: u16, metric: dispenser_filter_life_ratio"


@pytest.mark.parametrize(
    ("register", "warning"),
    [
        (TEMPERATURE + ", labels: {outlet: Hot}", "labels.outlet: unknown outlet 'Hot', .* did you mean 'hot'?"),
        (
            TEMPERATURE + ", labels: {outlet: steam}",
            "labels.outlet: unknown outlet 'steam', .*; known: hot, warm, cold",
        ),
        (FAULTS + ", bits: {label: fault, names: [~, leaks]}", r"names\[1\]: unknown fault 'leaks', .* 'leak'?"),
        (STATES + ", enum: {label: state, names: {4: heating}}", "names.4: unknown state 'heating', .* 'heater'?"),
        (STAGES + ", labels: {stage: RO}", "labels.stage: unknown stage 'RO', .* did you mean 'ro'?"),
    ],
)
def test_check_map_warns_of_a_value_that_no_rule_knows(tmp_path: Path, register: str, warning: str) -> None:
    result = check(tmp_path, register)
    assert result.exit_code == 0
    assert re.fullmatch(rf"warning: .*acme\.yaml:2: registers\[0\]\..*{warning}.*\n", result.stderr), result.stderr
    assert "good; 1 series" in result.stdout


@pytest.mark.parametrize(
    "register",
    [
        TEMPERATURE + ", labels: {outlet: hot}",
        STAGES + ", labels: {stage: carbon}",  # any filter has a stage of its own
        "at: h4, type: u16, metric: dispenser_uv_lamp_life_ratio",
    ],
)
def test_check_map_is_quiet_about_what_is_right(tmp_path: Path, register: str) -> None:
    result = check(tmp_path, register)
    assert (result.exit_code, result.stderr) == (0, "")


def test_no_map_that_is_shipped_has_an_unknown_value() -> None:
    result = CliRunner().invoke(check_map, [str(path) for path in sorted(BUILT_IN.glob("*.yaml"))])
    assert (result.exit_code, result.stderr) == (0, "")
