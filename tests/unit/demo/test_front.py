"""What the demo's page makes of what the servers say."""

from typing import Any

import pytest

from demo.front.documents import language_of, render_document, runbooks_in, translations_of
from demo.front.state import show_alerts, show_dispensers

KNOWN: list[dict[str, Any]] = [
    {"name": "lib-1f-east", "site": "main", "building": "library", "floor": "1", "faults": ["leak"]},
    {"name": "gym", "site": "主校區", "building": "", "floor": ""},
]


def reading(dispenser: str, metric: str, value: float, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": metric, "dispenser": dispenser, **labels}, "value": [0, str(value)]}


def alert(name: str, state: str = "firing", severity: str = "warning", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {},
        "state": state,
        "activeAt": "2026-11-21T10:31:00.123456789Z",
    }


def test_a_dispenser_that_nobody_has_read_yet_is_unknown_rather_than_down() -> None:
    assert [one.health for one in show_dispensers(KNOWN, [])] == ["unknown", "unknown"]


def test_each_dispenser_has_its_own_readings() -> None:
    found = show_dispensers(
        KNOWN,
        [
            reading("lib-1f-east", "dispenser_up", 1),
            reading("lib-1f-east", "dispenser_water_temperature_celsius", 93.5, outlet="hot"),
            reading("lib-1f-east", "dispenser_water_temperature_celsius", 8, outlet="cold"),
            reading("lib-1f-east", "dispenser_fault_active", 1, fault="leak"),
            reading("lib-1f-east", "dispenser_fault_active", 0, fault="overflow"),
            reading("gym", "dispenser_up", 0),
            reading("gym", "dispenser_probe_failure_info", 1, reason="timeout"),
            reading("of an old inventory", "dispenser_up", 1),
        ],
    )
    first, second = found
    assert (first.health, first.hot_celsius, first.faults, first.injected) == ("up", 93.5, ["leak"], ["leak"])
    assert (first.place, second.place) == ("library · floor 1", "")
    assert (second.health, second.reason, second.hot_celsius, second.faults) == ("down", "timeout", None, [])
    assert second.injected == ()


def test_the_worst_stands_first_and_what_fires_always_is_left_out() -> None:
    found = show_alerts(
        [
            alert("Soon", "pending", "critical"),
            alert("Watchdog", severity="info"),
            alert("Mild", severity="info"),
            alert("Bad", severity="critical", dispenser="a", site="s"),
            alert("Odd", severity="else"),
        ],
        dashboards=True,
    )
    assert [(one.name, one.about) for one in found] == [("Bad", "a"), ("Mild", ""), ("Odd", ""), ("Soon", "")]
    assert found[0].since == pytest.approx(1795257060.123456)
    assert found[0].summary == "Bad"


@pytest.mark.parametrize(("dashboards", "link"), [(True, "http://127.0.0.1:3000/d/a"), (False, "")])
def test_an_alert_leads_to_a_dashboard_only_where_there_is_one(link: str, *, dashboards: bool) -> None:
    one = alert("Bad") | {"annotations": {"dashboard_url": "http://127.0.0.1:3000/d/a"}}
    assert show_alerts([one], dashboards=dashboards)[0].dashboard == link


def test_html_in_a_document_is_shown_and_not_run() -> None:
    html = render_document("docs/rules.md", "<script>alert(1)</script>\n\n[x](javascript:alert(1)) `<b>`")
    assert "<script" not in html
    assert "href" not in html
    assert "<code>&lt;b&gt;</code>" in html


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("DispenserLeak.md", "DispenserLeak.md"),
        ("../rules.md#limits", "../rules.md#limits"),
        ("#what-to-do", "#what-to-do"),
        ("https://example.org/a", "https://example.org/a"),
        ("../../k8s/base/", "https://github.com/tapwatch/tapwatch/blob/main/k8s/base"),
        ("../../CONTRIBUTING.md", "https://github.com/tapwatch/tapwatch/blob/main/CONTRIBUTING.md"),
    ],
)
def test_links_stay_within_the_pages_that_are_there_and_else_go_to_the_public_ones(link: str, target: str) -> None:
    assert f'href="{target}"' in render_document("docs/runbooks/README.md", f"[a]({link})")


def test_runbooks_are_in_the_messages_language_where_they_are_translated() -> None:
    assert [runbooks_in(language) for language in ("en", "zh-TW", "zh-CN")] == [
        "docs/runbooks/",
        "docs/runbooks/zh-TW/",
        "docs/runbooks/",
    ]
    assert translations_of("docs/runbooks/zh-TW/A.md") == {
        "en": "docs/runbooks/A.md",
        "zh-TW": "docs/runbooks/zh-TW/A.md",
    }
    assert translations_of("docs/rules.md") == {}
    assert (language_of("docs/runbooks/zh-TW/A.md"), language_of("docs/runbooks/A.md")) == ("zh-TW", "en")
