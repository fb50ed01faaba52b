"""What every dashboard and panel owes to its readers, beyond the linter's rules."""

import re

import pytest

from dashboards.language import Language
from dashboards.provisioning import DASHBOARDS as PAGES
from tests.contract.dashboards.shipped import (
    DASHBOARDS,
    ENGLISH,
    SECONDS,
    Json,
    Place,
    every_panel,
    language,
    places,
    variables,
)

KNOWN_TO_GRAFANA_9_4 = {
    "panels": {"stat", "timeseries", "table", "bargauge", "state-timeline"},
    "colors": {"thresholds", "palette-classic", "fixed"},
    "transformations": {"organize", "merge"},
}
INSTANT = {"stat", "table", "bargauge"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PROPER_NAMES = {"{{", "99 %", "English", "Pod", "Tapwatch", "HTTP"}

LINK = re.compile(r"/d/([a-z-]+)\?(.+)")
FILLED_IN = re.compile(r"var-(\w+)=\$\{__(?:field\.labels|data\.fields)\.(\w+)\}")


def test_the_pages_that_people_and_alerts_link_to_are_there_in_both_languages() -> None:
    """Spelled out on purpose: a rename breaks bookmarks and alerts."""
    uids = {
        "tapwatch-alerts",
        "tapwatch-clusters",
        "tapwatch-controlplane",
        "tapwatch-delivery",
        "tapwatch-dispenser",
        "tapwatch-fleet",
        "tapwatch-maintenance",
        "tapwatch-oncall",
        "tapwatch-pipeline",
        "tapwatch-sites",
        "tapwatch-water",
        "tapwatch-workloads",
    }
    assert uids <= set(ENGLISH)
    assert set(DASHBOARDS) == set(ENGLISH) | {f"{uid}-zh-tw" for uid in ENGLISH}


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS.keys())
class TestEveryDashboard:
    """As a whole."""

    def test_has_the_uid_of_its_file(self, dashboard: Json) -> None:
        assert DASHBOARDS[dashboard["uid"]] is dashboard
        assert len(dashboard["uid"]) <= 40

    def test_says_what_it_is_for_and_is_found_by_the_tag_of_its_language(self, dashboard: Json) -> None:
        assert dashboard["description"].endswith((".", "。"))
        tag = "tapwatch" if language(dashboard) is Language.EN else "tapwatch-zh-tw"
        assert dashboard["tags"][0] == tag
        assert len(dashboard["tags"]) == 2

    def test_is_not_asked_for_too_often_and_shows_a_time_that_fits(self, dashboard: Json) -> None:
        assert dashboard["refresh"] in {"30s", "1m", "5m"}
        assert dashboard["time"]["to"] == "now"
        assert dashboard["time"]["from"].removeprefix("now-") in SECONDS
        assert dashboard["graphTooltip"] == 1
        assert dashboard["timezone"] == "browser"

    def test_lets_people_choose_everything_or_several_or_is_about_one_thing(self, dashboard: Json) -> None:
        several = []
        for variable in variables(dashboard, "query"):
            assert variable["datasource"]["uid"] == "${datasource}"
            several.append(variable["multi"])
            if variable["multi"]:
                assert (variable["includeAll"], variable["allValue"]) == (True, ".*")
                assert variable["current"]["value"] == "$__all"
        about_one = {"tapwatch-dispenser", "tapwatch-controlplane"}
        assert several.count(False) == (dashboard["uid"].removesuffix("-zh-tw") in about_one)

    def test_uses_every_choice_in_some_panel_or_later_choice(self, dashboard: Json) -> None:
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        text = " ".join([*queries, *(one["query"] for one in variables(dashboard, "query"))])
        for variable in variables(dashboard, "query"):
            assert f'{variable["name"]}=~"${variable["name"]}' in text
        for variable in variables(dashboard, "textbox"):
            assert f"${variable['name']}" in text

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

    def test_leads_to_the_others_of_its_language_and_to_itself_in_the_other_one(self, dashboard: Json) -> None:
        others, twin = dashboard["links"]
        assert (others["type"], others["tags"]) == ("dashboards", dashboard["tags"][:1])
        assert twin["url"].removeprefix("/d/") in DASHBOARDS.keys() - {dashboard["uid"]}
        assert twin["url"].removesuffix("-zh-tw") == f"/d/{dashboard['uid'].removesuffix('-zh-tw')}"
        assert all((link["keepTime"], link["includeVars"]) == (True, True) for link in (others, twin))

    def test_hides_nothing_in_a_menu(self, dashboard: Json) -> None:
        assert "inControlsMenu" not in str(dashboard)

    def test_marks_alerts_or_rollouts_unless_it_is_a_list_of_what_is_now(self, dashboard: Json) -> None:
        of_the_present = {"tapwatch-sites", "tapwatch-maintenance", "tapwatch-oncall"}
        marks = [one for one in dashboard["annotations"]["list"] if not one.get("builtIn")]
        assert bool(marks) != (dashboard["uid"].removesuffix("-zh-tw") in of_the_present)
        for mark in marks:
            assert mark["datasource"]["uid"] == "${datasource}"
            assert mark["enable"] is True
            assert mark["expr"]
            assert mark["titleFormat"]

    def test_repeats_rows_for_choices_that_it_has(self, dashboard: Json) -> None:
        names = {one["name"] for one in variables(dashboard, "query")}
        assert {panel["repeat"] for panel in dashboard["panels"] if panel.get("repeat")} <= names


@pytest.mark.parametrize("uid", ENGLISH)
class TestBothLanguages:
    """Of one page."""

    def test_ask_the_same(self, uid: str) -> None:
        english, chinese = (
            [
                (panel["type"], panel["gridPos"], [one["expr"] for one in panel.get("targets", [])])
                for panel in page["panels"]
            ]
            for page in (DASHBOARDS[uid], DASHBOARDS[f"{uid}-zh-tw"])
        )
        assert english == chinese

    def test_are_whole(self, uid: str) -> None:
        """Everything that people read is Chinese in one, and nothing in the other."""
        for word in words(DASHBOARDS[uid]):
            assert not CHINESE.search(word), word
        for word in words(DASHBOARDS[f"{uid}-zh-tw"]):
            assert CHINESE.search(word) or any(name in word for name in PROPER_NAMES), word


def words(dashboard: Json) -> list[str]:
    """Every text of the page that people read, but the way to the other language."""
    found = [dashboard["title"], dashboard["description"]]
    found += [one["label"] for one in variables(dashboard)]
    found += [one["name"] for one in dashboard["annotations"]["list"] if not one.get("builtIn")]
    for panel in dashboard["panels"]:
        found.append(panel["title"])
        if panel["type"] == "row":
            continue
        found.append(panel["description"])
        found += [target["legendFormat"] for target in panel["targets"]]
        found += [link["title"] for link in links(panel)]
        for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
            found += [option["text"] for option in mapping["options"].values()]
        for step in panel.get("transformations", []):
            found += step["options"].get("renameByName", {}).values()
    return [word for word in found if word]


def links(panel: Json) -> list[Json]:
    """Where a click on one of its values leads."""
    overrides = [
        item["value"]
        for override in panel["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "links"
    ]
    unique = {link["url"]: link for group in overrides for link in group}
    return [*panel["fieldConfig"]["defaults"].get("links", []), *unique.values()]


@pytest.mark.parametrize("lang", Language)
def test_no_two_titles_of_a_folder_make_the_same_file_name_in_grafana(lang: Language) -> None:
    """Two dashboards of a folder with one slug overwrite each other every ten seconds.

    Grafana drops Chinese from a slug when there are ASCII letters or digits beside it.
    """
    titles = [dashboard["title"] for dashboard in DASHBOARDS.values() if language(dashboard) is lang]
    slugs = [re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or title for title in titles]
    assert len(slugs) == len(set(slugs)) == len(PAGES)


def test_people_get_from_the_fleet_to_a_site_to_a_dispenser() -> None:
    def leads_to(uid: str) -> set[str]:
        found = [
            LINK.match(link["url"])
            for place in places()
            if place.dashboard["uid"] == uid
            for link in links(place.panel)
        ]
        return {match[1] for match in found if match}

    for suffix in ("", "-zh-tw"):
        assert f"tapwatch-sites{suffix}" in leads_to(f"tapwatch-fleet{suffix}")
        assert f"tapwatch-dispenser{suffix}" in leads_to(f"tapwatch-sites{suffix}")
        assert f"tapwatch-controlplane{suffix}" in leads_to(f"tapwatch-clusters{suffix}")
        assert f"tapwatch-dispenser{suffix}" in leads_to(f"tapwatch-oncall{suffix}")


@every_panel()
def test_every_panel_has_a_title_of_its_own_and_a_sentence_that_explains_it(place: Place) -> None:
    titles = [panel["title"] for panel in place.dashboard["panels"]]
    assert titles.count(place.panel["title"]) == 1
    assert place.panel["description"].endswith((".", "。"))
    assert len(place.panel["description"]) > (20 if language(place.dashboard) is Language.EN else 7)


@every_panel()
def test_every_panel_is_drawn_by_grafana_from_9_4_on(place: Place) -> None:
    color = place.panel["fieldConfig"]["defaults"]["color"]["mode"] if place.panel["type"] != "table" else "fixed"
    transformations = {step["id"] for step in place.panel.get("transformations", [])}
    assert place.panel["type"] in KNOWN_TO_GRAFANA_9_4["panels"]
    assert color in KNOWN_TO_GRAFANA_9_4["colors"]
    assert transformations <= KNOWN_TO_GRAFANA_9_4["transformations"]


@every_panel()
def test_every_panel_colours_cells_in_old_and_new_versions_alike(place: Place) -> None:
    for override in place.panel["fieldConfig"]["overrides"]:
        ids = {item["id"] for item in override["properties"]}
        assert ("custom.displayMode" in ids) == ("custom.cellOptions" in ids) == ("thresholds" in ids)


@every_panel()
def test_every_panel_has_thresholds_from_the_start_upwards(place: Place) -> None:
    thresholds = place.panel["fieldConfig"]["defaults"]["thresholds"]
    values = [step["value"] for step in thresholds["steps"]]
    assert thresholds["mode"] == "absolute"
    assert values[0] is None
    assert values[1:] == sorted(values[1:])


@every_panel()
def test_every_panel_asks_for_the_present_only_where_it_shows_only_that(place: Place) -> None:
    for target in place.targets:
        assert target.get("instant", False) == (place.panel["type"] in INSTANT)


@every_panel()
def test_every_panel_names_its_lines_by_what_differs_between_them(place: Place) -> None:
    """A legend is words of its own, or labels that the query keeps."""
    for target in place.targets:
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert re.search(rf"by \([^)]*\b{label}\b[^)]*\)", target["expr"])
    legends = [target["legendFormat"] for target in place.targets]
    tiles = place.panel["options"].get("textMode") == "value_and_name"
    if place.panel["type"] not in {"stat", "table"} or tiles:
        assert all(legends)
        assert len(legends) == len(set(legends))


@every_panel()
def test_every_panel_leads_to_pages_that_exist_and_keeps_time_data_source_and_choices(place: Place) -> None:
    for link in links(place.panel):
        match = LINK.fullmatch(link["url"])
        assert match
        assert match[1] in DASHBOARDS
        assert language(DASHBOARDS[match[1]]) is language(place.dashboard)
        time, source, *choices = match[2].split("&")
        assert (time, source) == ("${__url_time_range}", "${datasource:queryparam}")
        there = {one["name"] for one in variables(DASHBOARDS[match[1]])}
        here = {one["name"] for one in variables(place.dashboard)}
        kept = " ".join(target["expr"] for target in place.targets)
        for choice in choices:
            if filled := FILLED_IN.fullmatch(choice):
                assert filled[1] in there
                assert re.search(rf"by \([^)]*\b{filled[2]}\b", kept)
            else:
                (name,) = re.findall(r"\$\{(\w+):queryparam\}", choice)
                assert name in there & here


@every_panel("timeseries")
def test_every_time_series_draws_its_thresholds_as_lines(place: Place) -> None:
    defaults = place.panel["fieldConfig"]["defaults"]
    drawn = defaults["custom"]["thresholdsStyle"]["mode"]
    assert drawn == ("dashed" if len(defaults["thresholds"]["steps"]) > 1 else "off")


@every_panel("stat", "bargauge", "state-timeline")
def test_every_other_picture_takes_its_colour_from_the_thresholds(place: Place) -> None:
    assert place.panel["fieldConfig"]["defaults"]["color"]["mode"] == "thresholds"


@every_panel("table")
def test_every_table_has_headings_for_just_the_labels_that_its_queries_keep(place: Place) -> None:
    *merged, step = place.panel["transformations"]
    headings = step["options"]["renameByName"]
    labels = [name for name in step["options"]["indexByName"] if not name.startswith("Value")]
    labels.sort(key=step["options"]["indexByName"].get)
    assert [one["id"] for one in merged] == (["merge"] if len(place.targets) > 1 else [])
    assert len(headings) == len(set(headings.values()))
    assert len(headings) - len(labels) in {0, len(place.targets)}
    for target in place.targets:
        assert target["format"] == "table"
        assert f"by ({', '.join(labels)})" in target["expr"]
