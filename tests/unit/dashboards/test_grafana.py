"""From our model to Grafana's JSON."""

import json
from dataclasses import replace
from typing import Any

from dashboards.grafana import to_json
from dashboards.model import Dashboard, Panel, PanelKind, Query, Row, Step, Variable

STEPS = (Step(None, "green"), Step(1, "red"))


def panel(title: str, kind: PanelKind = "stat", width: int = 12, height: int = 8) -> Panel:
    return Panel(
        kind=kind,
        title=title,
        description="A sentence.",
        queries=[Query("up", "{{job}}")],
        unit="short",
        steps=STEPS,
        width=width,
        height=height,
    )


def rendered(*rows: Row) -> dict[str, Any]:
    variable = Variable("site", "Site", "label_values(up, site)")
    found: dict[str, Any] = json.loads(to_json(Dashboard("uid", "Title", "What for.", ("water",), (variable,), rows)))
    return found


def only(one: Panel) -> dict[str, Any]:
    found: dict[str, Any] = rendered(Row("Row", [one]))["panels"][1]
    return found


def positions(*rows: Row) -> dict[str, tuple[int, int]]:
    return {one["title"]: (one["gridPos"]["x"], one["gridPos"]["y"]) for one in rendered(*rows)["panels"]}


def test_panels_stand_beside_each_other_as_far_as_they_fit() -> None:
    places = positions(Row("Row", [panel("a"), panel("b"), panel("c", width=24), panel("d")]))
    assert places == {"Row": (0, 0), "a": (0, 1), "b": (12, 1), "c": (0, 9), "d": (0, 17)}


def test_the_next_line_starts_below_the_tallest_panel() -> None:
    places = positions(Row("Row", [panel("a", height=4), panel("b", height=10), panel("c")]))
    assert places["c"] == (0, 11)


def test_the_next_row_starts_below_the_last_line() -> None:
    places = positions(Row("One", [panel("a", width=6)]), Row("Two", [panel("b")]))
    assert places == {"One": (0, 0), "a": (0, 1), "Two": (0, 9), "b": (0, 10)}


def test_the_same_dashboard_gives_the_same_bytes() -> None:
    dashboard = Dashboard("uid", "Title", "What for.", (), (), [Row("Row", [panel("a")])])
    assert to_json(dashboard) == to_json(dashboard)


def test_every_query_has_a_letter_of_its_own() -> None:
    queries = [Query("up", "one"), Query("down", "two")]
    one = Panel("timeseries", "a", "A sentence.", queries, "short", STEPS)
    assert [(target["refId"], target["expr"]) for target in only(one)["targets"]] == [("A", "up"), ("B", "down")]


def test_a_stat_shows_the_last_value_on_the_colour_of_its_threshold() -> None:
    found = only(panel("a"))
    assert found["options"]["reduceOptions"] == {"calcs": ["lastNotNull"]}
    assert found["options"]["colorMode"] == "background"
    assert found["fieldConfig"]["defaults"]["thresholds"]["steps"] == [
        {"value": None, "color": "green"},
        {"value": 1, "color": "red"},
    ]


def test_a_time_series_has_a_legend() -> None:
    assert only(panel("a", "timeseries"))["options"]["legend"]["showLegend"] is True


def test_a_table_has_the_chosen_columns_under_their_headings_in_their_order() -> None:
    (step,) = only(replace(panel("a", "table"), columns={"site": "Site", "fault": "Fault"}))["transformations"]
    assert step == {
        "id": "organize",
        "options": {
            "excludeByName": {"Time": True, "Value": True},
            "indexByName": {"site": 0, "fault": 1},
            "renameByName": {"site": "Site", "fault": "Fault"},
        },
    }


def test_values_are_shown_by_their_words() -> None:
    found = only(replace(panel("a", "state-timeline"), words={0: "down", 1: "up"}))
    assert found["fieldConfig"]["defaults"]["mappings"] == [
        {"type": "value", "options": {"0": {"text": "down"}, "1": {"text": "up"}}}
    ]


def test_bars_run_between_the_limits() -> None:
    defaults = only(replace(panel("a", "bargauge"), limits=(0, 1)))["fieldConfig"]["defaults"]
    assert (defaults["min"], defaults["max"]) == (0, 1)
