"""What every dashboard and panel owes to its readers: grafana/dashboard-linter's rules, and our own.

Of the linter's rules those about `job` and `instance` do not apply: people choose sites and clusters, not processes.
"""

import re

import pytest

from tests.contract.dashboards.shipped import DASHBOARDS, Json, Place, places, variables

PLACES = list(places())

KNOWN_TO_GRAFANA_9_4 = {
    "panels": {"stat", "timeseries", "table", "bargauge", "state-timeline"},
    "colors": {"thresholds", "palette-classic", "fixed"},
    "transformations": {"organize"},
}
UNITS = {"short", "percentunit", "celsius", "litre", "litreh", "kwatth", "watt", "s", "d", "cpm", "suffix: mg/L"}


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS.keys())
class TestEveryDashboard:
    """As a whole."""

    def test_has_a_stable_name_that_the_alerts_link_to(self, dashboard: Json) -> None:
        assert dashboard["uid"] in {"tapwatch-fleet", "tapwatch-controlplane", "tapwatch-delivery"}
        assert DASHBOARDS[dashboard["uid"]] is dashboard

    def test_says_what_it_is_for_and_is_found_by_its_tag(self, dashboard: Json) -> None:
        assert dashboard["description"].endswith(".")
        assert "tapwatch" in dashboard["tags"]

    def test_is_changed_in_code_only_and_is_not_asked_for_too_often(self, dashboard: Json) -> None:
        assert dashboard["editable"] is False
        assert dashboard["refresh"] == "30s"
        assert dashboard["graphTooltip"] == 1
        assert dashboard["timezone"] == "browser"

    def test_lets_people_choose_the_data_source_first(self, dashboard: Json) -> None:
        first = variables(dashboard)[0]
        assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
        assert first["label"] == "Data source"

    def test_lets_people_choose_everything_or_several_and_looks_again_when_the_time_changes(
        self, dashboard: Json
    ) -> None:
        queries = variables(dashboard)[1:]
        assert queries
        for variable in queries:
            assert variable["type"] == "query"
            assert variable["datasource"]["uid"] == "${datasource}"
            assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".*")
            assert variable["refresh"] == 2
            assert variable["current"]["value"] == "$__all"

    def test_uses_every_choice_in_some_panel(self, dashboard: Json) -> None:
        queries = " ".join(
            target["expr"] for place in PLACES if place.dashboard is dashboard for target in place.targets
        )
        for variable in variables(dashboard)[1:]:
            assert f'{variable["name"]}=~"${variable["name"]}"' in queries

    def test_has_at_most_twenty_panels_none_over_another(self, dashboard: Json) -> None:
        cells = [
            (x, y)
            for panel in dashboard["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert sum(panel["type"] != "row" for panel in dashboard["panels"]) <= 20
        assert len(cells) == len(set(cells))
        assert all(x < 24 for x, _ in cells)

    def test_gives_every_panel_a_number_of_its_own(self, dashboard: Json) -> None:
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))
        assert all(number > 0 for number in numbers)

    def test_leads_to_the_others_and_keeps_time_and_choices(self, dashboard: Json) -> None:
        (link,) = dashboard["links"]
        assert (link["type"], link["tags"], link["keepTime"], link["includeVars"]) == (
            "dashboards",
            ["tapwatch"],
            True,
            True,
        )


def test_no_two_titles_make_the_same_file_name_in_grafana() -> None:
    """Two dashboards of a folder with one slug overwrite each other every ten seconds."""
    slugs = [re.sub(r"[^a-z0-9]+", "-", dashboard["title"].lower()) for dashboard in DASHBOARDS.values()]
    assert len(slugs) == len(set(slugs))


@pytest.mark.parametrize("place", PLACES, ids=str)
class TestEveryPanel:
    """By itself."""

    def test_has_a_title_of_its_own_and_a_sentence_that_explains_it(self, place: Place) -> None:
        titles = [panel["title"] for panel in place.dashboard["panels"]]
        assert titles.count(place.panel["title"]) == 1
        assert place.panel["description"].endswith(".")
        assert len(place.panel["description"]) > 20

    def test_is_drawn_by_grafana_from_9_4_on(self, place: Place) -> None:
        color = place.panel["fieldConfig"]["defaults"]["color"]["mode"] if place.panel["type"] != "table" else "fixed"
        transformations = {step["id"] for step in place.panel.get("transformations", [])}
        assert place.panel["type"] in KNOWN_TO_GRAFANA_9_4["panels"]
        assert color in KNOWN_TO_GRAFANA_9_4["colors"]
        assert transformations <= KNOWN_TO_GRAFANA_9_4["transformations"]

    def test_has_a_unit(self, place: Place) -> None:
        assert place.panel["fieldConfig"]["defaults"]["unit"] in UNITS

    def test_has_thresholds_from_the_start_upwards(self, place: Place) -> None:
        thresholds = place.panel["fieldConfig"]["defaults"]["thresholds"]
        values = [step["value"] for step in thresholds["steps"]]
        assert thresholds["mode"] == "absolute"
        assert values[0] is None
        assert values[1:] == sorted(values[1:])

    def test_asks_the_data_source_that_people_chose(self, place: Place) -> None:
        assert place.panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert place.targets
        for target in place.targets:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}

    def test_asks_for_the_present_only_where_it_shows_only_that(self, place: Place) -> None:
        for target in place.targets:
            assert target.get("instant", False) == (place.panel["type"] in {"stat", "table", "bargauge"})

    def test_names_its_lines_by_what_differs_between_them(self, place: Place) -> None:
        """A legend is words of its own, or labels that the query keeps."""
        for target in place.targets:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b[^)]*\)", target["expr"])
        legends = [target["legendFormat"] for target in place.targets]
        assert len(legends) == len(set(legends))
        assert all(legends) == (place.panel["type"] not in {"stat", "table"})


def of_type(*types: str) -> list[Place]:
    return [place for place in PLACES if place.panel["type"] in types]


@pytest.mark.parametrize("place", of_type("timeseries"), ids=str)
def test_every_time_series_draws_its_thresholds_as_lines(place: Place) -> None:
    defaults = place.panel["fieldConfig"]["defaults"]
    drawn = defaults["custom"]["thresholdsStyle"]["mode"]
    assert drawn == ("dashed" if len(defaults["thresholds"]["steps"]) > 1 else "off")


@pytest.mark.parametrize("place", of_type("stat", "bargauge", "state-timeline"), ids=str)
def test_every_other_picture_takes_its_colour_from_the_thresholds(place: Place) -> None:
    assert place.panel["fieldConfig"]["defaults"]["color"]["mode"] == "thresholds"


@pytest.mark.parametrize("place", of_type("table"), ids=str)
def test_every_table_has_headings_for_just_the_labels_that_its_query_keeps(place: Place) -> None:
    (step,) = place.panel["transformations"]
    (target,) = place.targets
    (kept,) = re.findall(r"max by \(([^)]*)\)", target["expr"])
    assert target["format"] == "table"
    assert set(kept.split(", ")) == set(step["options"]["renameByName"]) == set(step["options"]["indexByName"])
    assert step["options"]["excludeByName"] == {"Time": True, "Value": True}
