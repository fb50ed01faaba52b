"""Every panel's query on a real Prometheus with two weeks of a campus: none fails, none is empty."""

from collections.abc import Iterator
from typing import Any

import pytest

from laboratory.history.build import UNTIL, blocks
from laboratory.history.prometheus import Prometheus, prometheus
from tests.contract.dashboards.shipped import ENGLISH, Json, Place, fill_in, places, variables

pytestmark = pytest.mark.timeout(1800)  # the first run makes the history, some minutes on a small machine

HOUR = 3600
STEP = 60

QUERIES = [
    pytest.param(place, target, id=f"{place} {target['refId']}")
    for place in places(ENGLISH)
    for target in place.targets
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), blocks()) as running:
        yield running


def show(server: Prometheus, place: Place, target: Json, chosen: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """What Grafana would get for the panel, of the last hour where it shows a time."""
    expr = fill_in(target["expr"], place.dashboard, chosen)
    if target.get("instant"):
        return server.at(expr, UNTIL)
    return server.over(expr, UNTIL - HOUR, UNTIL, STEP)


def values(server: Prometheus, dashboard: Json) -> dict[str, str]:
    """The first value of each choice, each among what the earlier ones leave, as Grafana chooses."""
    chosen: dict[str, str] = {}
    for variable in variables(dashboard, "query"):
        selector, label = variable["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        found = server.label_values(label, fill_in(selector, dashboard, chosen), UNTIL)
        assert found, f"{dashboard['title']}: nothing to choose for {variable['name']}"
        chosen[variable["name"]] = found[0]
    return chosen


@pytest.mark.parametrize(("place", "target"), QUERIES)
def test_every_query_finds_something_with_everything_chosen(server: Prometheus, place: Place, target: Json) -> None:
    assert show(server, place, target)


@pytest.mark.parametrize(("place", "target"), QUERIES)
def test_every_query_is_understood_with_one_thing_chosen(server: Prometheus, place: Place, target: Json) -> None:
    """It may find nothing then: not every dispenser is ill."""
    show(server, place, target, values(server, place.dashboard))


@pytest.mark.parametrize("place", [place for place in places(ENGLISH) if place.panel["type"] == "table"], ids=str)
def test_every_table_has_a_value_in_each_cell_of_some_line(server: Prometheus, place: Place) -> None:
    """Columns of several queries meet only where all keep the same labels."""
    lines = [
        {
            tuple(sorted((label, value) for label, value in one["metric"].items() if label != "__name__"))
            for one in found
        }
        for found in (show(server, place, target) for target in place.targets)
    ]
    assert set.intersection(*lines)


@pytest.mark.parametrize("uid", ENGLISH)
def test_every_annotation_marks_something(server: Prometheus, uid: str) -> None:
    for mark in ENGLISH[uid]["annotations"]["list"]:
        if not mark.get("builtIn"):
            assert server.over(fill_in(mark["expr"], ENGLISH[uid]), UNTIL - 6 * HOUR, UNTIL, STEP), mark["name"]


def test_the_page_says_who_is_well_and_who_is_not(server: Prometheus) -> None:
    """The conditions that the simulated faults come to."""
    found = server.at("dispenser:dispenser_condition:max", UNTIL)
    conditions = {one["metric"]["dispenser"]: float(one["value"][1]) for one in found}
    assert conditions["lib-1f-east"] == 2, "it leaks"
    assert conditions["lib-2f-east"] == 0, "nothing is wrong with it"
    assert conditions["ward-b"] == conditions["quay-1"] == conditions["quay-2"] == 3, "they are silent"
    assert conditions["eng-2f-west"] == 1, "its lamp is dark"


def test_what_was_drawn_is_what_the_counters_say(server: Prometheus) -> None:
    """The recorded rates come to the same as the counters themselves."""
    recorded = server.at("sum(sum_over_time(dispenser:dispenser_water_dispensed_liters:rate10m[5d:10m])) * 600", UNTIL)
    counted = server.at("sum(increase(dispenser_water_dispensed_liters_total[5d]))", UNTIL)
    assert float(recorded[0]["value"][1]) == pytest.approx(float(counted[0]["value"][1]), rel=0.05)


def test_a_query_that_prometheus_does_not_understand_would_be_found(server: Prometheus) -> None:
    with pytest.raises(ValueError, match="parse error"):
        server.at("sum by (site (dispenser_up)", UNTIL)
