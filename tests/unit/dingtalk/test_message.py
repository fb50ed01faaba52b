"""A notification becomes a message that helps."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.dingtalk.message import BODY_BYTES, TEXT_BYTES, Message, Reader, cut, harmless, render
from alerting.dingtalk.payload import parse_notification
from alerting.dingtalk.phrases import PHRASES
from alerting.dingtalk.robot import encode_body
from alerting.dingtalk.settings import Language
from tests.notifications import alert, body


def reader(language: Language = "en", zone: str = "UTC", *keywords: str) -> Reader:
    return Reader(PHRASES[language], ZoneInfo(zone), keywords)


def rendered(*alerts: dict[str, Any], to: Reader | None = None, truncated: int = 0) -> Message:
    return render(parse_notification(body(*alerts, truncated=truncated)), to or reader())


def test_a_message_says_what_where_since_when_and_what_to_do() -> None:
    message = rendered(alert(building="library", floor="1"))
    assert message.title == "🔴 Critical: A dispenser leaks"
    assert message.text == (
        "### 🔴 Critical: A dispenser leaks\n\n"
        "🔴 **lib-1f-east** · main-campus, library, floor 1  \n"
        "It reports water where there should be none.  \n"
        "Since 2026-11-21 10:31:00 UTC  \n"
        "[What to do](https://example.org/runbooks/DispenserLeak.md) · [Graph](http://prometheus.example/graph)"
    )


def test_a_resolved_message_says_how_long_it_lasted() -> None:
    message = rendered(alert(status="resolved"))
    assert message.title == "✅ Resolved: A dispenser leaks"
    assert "✅ **lib-1f-east** · main-campus" in message.text
    assert "Lasted 11 min 10 s, since 2026-11-21 10:31:00 UTC" in message.text


@pytest.mark.parametrize(
    ("language", "title", "since"),
    [
        ("zh-TW", "🔴 嚴重: A dispenser leaks", "自 2026-11-21 18:31:00 CST 起"),
        ("zh-CN", "🔴 严重: A dispenser leaks", "自 2026-11-21 18:31:00 CST 起"),
    ],
)
def test_the_readers_language_and_time_zone_are_spoken(language: Language, title: str, since: str) -> None:
    message = rendered(alert(floor="3"), to=reader(language, "Asia/Taipei"))
    assert message.title == title
    assert since in message.text


def test_each_alert_has_its_own_state_whatever_the_groups_is() -> None:
    text = rendered(alert(dispenser="a"), alert(status="resolved", dispenser="b")).text
    assert "🔴 **a**" in text
    assert "✅ **b**" in text


def test_the_worst_comes_first() -> None:
    alerts = [
        alert(status="resolved", dispenser="resolved"),
        alert(severity="info", dispenser="info"),
        alert(severity="page", dispenser="unknown-severity"),
        alert(severity="critical", dispenser="critical"),
    ]
    text = rendered(*alerts).text
    places = [text.index(f"**{name}**") for name in ("critical", "unknown-severity", "info", "resolved")]
    assert places == sorted(places)


def test_a_missing_keyword_is_put_in_front() -> None:
    assert rendered(to=reader("en", "UTC", "Tapwatch")).title.startswith("Tapwatch 🔴")
    assert rendered(to=reader("en", "UTC", "Nope", "dispenser")).title.startswith("🔴")


def test_what_does_not_fit_is_counted_with_a_link() -> None:
    alerts = [alert(fingerprint=str(n), dispenser=f"d{n}", annotations={"description": "漏" * 500}) for n in range(200)]
    message = rendered(*alerts, truncated=7)
    shown = message.text.count("🔴 **d")
    assert 0 < shown < 200
    assert message.text.endswith(f"and {207 - shown} more: [all in Alertmanager](http://alertmanager.example)")


@given(st.integers(1, 60), st.text(max_size=3000), st.sampled_from(["en", "zh-TW", "zh-CN"]))
def test_no_message_is_over_dingtalks_limit(count: int, text: str, language: Language) -> None:
    alerts = [
        alert(fingerprint=str(n), dispenser=text[:300], annotations={"description": text, "summary": text})
        for n in range(count)
    ]
    message = rendered(*alerts, to=reader(language))
    assert len(message.text.encode()) <= TEXT_BYTES
    assert len(encode_body(message, "x" * 32)) <= BODY_BYTES


@given(st.text(), st.integers(3, 100))
def test_a_cut_text_is_within_its_size_and_never_cut_inside_a_character(text: str, size: int) -> None:
    short = cut(text, size)
    assert len(short.encode()) <= size
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


@pytest.mark.parametrize(
    "evil", ["[click](http://evil.example)", "<img src=x onerror=alert(1)>", "# big", "a\n\n# b", "@13800000000", "`x`"]
)
def test_labels_cannot_be_read_as_markdown_html_or_mentions(evil: str) -> None:
    safe = harmless(evil)
    assert not set(safe) & set("[]<>*`@|#\n")
    assert evil not in rendered(alert(dispenser=evil, annotations={"description": evil, "summary": evil})).text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "not a url", "http://", "http://[x"])
def test_only_web_addresses_become_links(url: str) -> None:
    assert "What to do" not in rendered(alert(annotations={"runbook_url": url})).text


def test_a_links_address_cannot_end_early() -> None:
    text = rendered(alert(annotations={"runbook_url": "https://example.org/a b)[x](http://evil.example)"})).text
    assert "](http://evil.example)" not in text


def test_an_alert_with_nothing_but_a_name_still_makes_a_message() -> None:
    bare = {"status": "firing", "labels": {"alertname": "Odd"}, "startsAt": "2026-11-21T10:31:00Z"}
    message = rendered(bare)
    assert message.title == "🟠 Warning: Odd"
    assert "🟠 Odd" in message.text
