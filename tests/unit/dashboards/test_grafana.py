"""From our model to Grafana's JSON."""

import json
from dataclasses import replace
from typing import Any

from dashboards.grafana import to_json
from dashboards.language import Language, Text
from dashboards.model import (
    Annotation,
    Column,
    Dashboard,
    Link,
    Number,
    Panel,
    PanelKind,
    Query,
    Row,
    Step,
    Variable,
)

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


def test_a_link_keeps_time_and_data_source_and_takes_the_values_labels() -> None:
    link = Link("Dispenser", "page", {"dispenser": "dispenser"}, kept=("site",))
    (found,) = only(replace(panel("a"), links=[link]))["fieldConfig"]["defaults"]["links"]
    assert found["url"] == (
        "/d/page?${__url_time_range}&${datasource:queryparam}&${site:queryparam}"
        "&var-dispenser=${__field.labels.dispenser}"
    )


def test_a_tables_link_stands_on_the_column_of_its_label() -> None:
    link = Link("Dispenser", "page", {"dispenser": "dispenser"})
    found = only(replace(panel("a", "table"), columns={"dispenser": "Which"}, links=[link]))
    (override,) = found["fieldConfig"]["overrides"]
    assert override["matcher"] == {"id": "byName", "options": "Which"}
    assert override["properties"][0]["value"][0]["url"].endswith("&var-dispenser=${__data.fields.dispenser}")


def test_a_column_has_only_the_links_that_are_about_it() -> None:
    links = [Link("Dispenser", "one", {"dispenser": "dispenser"}), Link("Cluster", "two", {"cluster": "cluster"})]
    columns = {"dispenser": "Which", "cluster": "Where"}
    found = only(replace(panel("a", "table"), columns=columns, links=links))["fieldConfig"]["overrides"]
    titles = {one["matcher"]["options"]: [link["title"] for link in one["properties"][0]["value"]] for one in found}
    assert titles == {"Which": ["Dispenser"], "Where": ["Cluster"]}


def test_a_table_of_several_queries_has_a_column_for_each_with_its_unit_and_colours() -> None:
    columns = (Column("Hot", "celsius", STEPS), Column("Litres", "litre"))
    queries = [Query("hot"), Query("litres")]
    found = only(replace(panel("a", "table"), queries=queries, columns={"site": "Site"}, values=columns))
    merge, organize = found["transformations"]
    assert merge == {"id": "merge", "options": {}}
    assert organize["options"]["renameByName"] == {"site": "Site", "Value #A": "Hot", "Value #B": "Litres"}
    hot, litres = found["fieldConfig"]["overrides"]
    assert hot["matcher"]["options"] == "Hot"
    assert {one["id"] for one in hot["properties"]} == {
        "unit",
        "thresholds",
        "custom.displayMode",
        "custom.cellOptions",
    }
    assert [one["value"] for one in litres["properties"]] == ["litre"]


def test_each_language_has_its_words_its_name_and_a_way_to_the_other() -> None:
    dashboard = Dashboard("uid", Text("Fleet", "總覽"), "What for.", (), (), [Row("Row", [panel("a")])])
    english, chinese = (json.loads(to_json(dashboard, language)) for language in Language)
    assert (english["uid"], english["title"], english["tags"]) == ("uid", "Fleet", ["tapwatch"])
    assert (chinese["uid"], chinese["title"], chinese["tags"]) == ("uid-zh-tw", "總覽", ["tapwatch-zh-tw"])
    assert english["links"][1]["url"] == "/d/uid-zh-tw"
    assert chinese["links"][1]["url"] == "/d/uid"


def test_an_annotation_asks_the_chosen_data_source() -> None:
    mark = Annotation("Alerts", "ALERTS", "{{alertname}}", "{{site}}", "red")
    dashboard = Dashboard("uid", "Title", "What for.", (), (), [Row("Row", [panel("a")])], annotations=[mark])
    (found,) = json.loads(to_json(dashboard))["annotations"]["list"]
    assert (found["name"], found["expr"], found["enable"]) == ("Alerts", "ALERTS", True)
    assert (found["titleFormat"], found["textFormat"]) == ("{{alertname}}", "{{site}}")
    assert found["datasource"]["uid"] == "${datasource}"


def test_a_row_is_repeated_for_each_value_of_a_choice() -> None:
    row, _ = rendered(Row("Floors of $site", [panel("a")], repeat="site"))["panels"]
    assert row["repeat"] == "site"


def test_a_number_is_typed_at_the_top() -> None:
    dashboard = Dashboard("uid", "Title", "What for.", (), [Number("price", "Price", 3.5)], [Row("Row", [panel("a")])])
    found = json.loads(to_json(dashboard))["templating"]["list"][1]
    assert (found["type"], found["name"], found["query"]) == ("textbox", "price", "3.5")


def test_tiles_are_stats_with_their_names() -> None:
    found = only(panel("a", "tiles"))
    assert (found["type"], found["options"]["textMode"]) == ("stat", "value_and_name")
