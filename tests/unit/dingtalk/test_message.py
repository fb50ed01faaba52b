"""A notification becomes a message that helps."""

import json
import re
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alerting.dingtalk.message
from alerting.dingtalk.message import (
    BODY_BYTES,
    LEAST_BODY_BYTES,
    Extras,
    Form,
    Mention,
    Message,
    Reader,
    Style,
    write,
)
from alerting.dingtalk.settings import Language
from alerting.payload import parse_notification
from laboratory.notifications import alert, body

LANGUAGES: tuple[Language, ...] = get_args(Language)
WORDS = Path(alerting.dingtalk.message.__file__).parent / "templates" / "words"


def reader(language: Language = "en", zone: str = "UTC", *keywords: str) -> Reader:
    return Reader(language, ZoneInfo(zone), keywords)


def written(
    *alerts: dict[str, Any], to: Reader | None = None, style: Style | None = None, truncated: int = 0, skip: int = 0
) -> Message:
    notification = parse_notification(body(*alerts, truncated=truncated))
    return write(notification, to or reader(), style or Style(), skip)


def size(message: Message) -> int:
    return len(message.encode("0" * 32))


def test_a_message_says_what_where_since_when_and_what_to_do() -> None:
    annotations = {"dashboard_url": "http://127.0.0.1:3000/d/fleet?var-site=main campus"}
    message = written(alert(building="library", floor="1", annotations=annotations))
    assert message.title == "🔴 Critical: A dispenser leaks · lib-1f-east"
    assert message.text == (
        "### 🔴 Critical: A dispenser leaks · lib-1f-east\n\n"
        "🔴 **lib-1f-east** · main-campus, library, floor 1  \n"
        "Critical, firing since 2026-11-21 10:31:00 +00:00  \n"
        "It reports water where there should be none.  \n"
        "[What to do](https://example.org/runbooks/DispenserLeak.md)"
        " · [Dashboard](http://127.0.0.1:3000/d/fleet?var-site=main%20campus)\n\n"
        "[Silence](http://alertmanager.example/#/silences/new?filter=%7Balertname%3D%22DispenserLeak%22%2C"
        "building%3D%22library%22%2Cdispenser%3D%22lib-1f-east%22%2Cfloor%3D%221%22%2Cseverity%3D%22critical%22%2C"
        "site%3D%22main-campus%22%7D)"
    )


def test_a_resolved_message_says_how_long_it_lasted() -> None:
    message = written(alert(status="resolved"))
    assert message.title == "✅ Resolved: A dispenser leaks · lib-1f-east"
    assert "\n✅ **lib-1f-east** · main-campus  \n" in message.text
    assert "Resolved after 11 min 10 s, began 2026-11-21 10:31:00 +00:00" in message.text


@pytest.mark.parametrize(
    ("language", "title", "since", "floor"),
    [
        ("zh-TW", "🔴 嚴重: A dispenser leaks · lib-1f-east", "嚴重，自 2026-11-21 18:31:00 +08:00 起", "3 樓"),
        ("zh-CN", "🔴 严重: A dispenser leaks · lib-1f-east", "严重，自 2026-11-21 18:31:00 +08:00 起", "3 楼"),
    ],
)
def test_the_readers_language_and_time_zone_are_spoken(language: Language, title: str, since: str, floor: str) -> None:
    message = written(alert(floor="3"), to=reader(language, "Asia/Taipei"))
    assert message.title == title
    assert since in message.text
    assert floor in message.text


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "America/St_Johns"])
@pytest.mark.parametrize("year", ["1970-01-01", "8999-12-31"])
def test_every_moment_that_a_payload_may_hold_can_be_told_everywhere(zone: str, year: str) -> None:
    one = alert() | {"startsAt": f"{year}T00:00:00Z"}
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d", written(one, to=reader("en", zone)).text)


def test_every_language_has_the_same_words() -> None:
    macros = {
        language: re.findall(r"{% macro (\w+\([^)]*\))", (WORDS / f"{language}.j2").read_text(encoding="utf-8"))
        for language in LANGUAGES
    }
    assert sorted(file.stem for file in WORDS.iterdir()) == sorted(LANGUAGES)
    assert all(found == macros["en"] for found in macros.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", Form)
def test_every_form_says_every_thing_in_every_language(language: Language, form: Form) -> None:
    """A word that is missing from a language would raise here."""
    alerts = [alert(floor="1"), alert(status="resolved", fingerprint="f2"), alert(fingerprint="f3", severity="info")]
    long_ago = alert(status="resolved", fingerprint="f4") | {"startsAt": "2026-11-19T09:31:00Z"}
    message = written(*alerts, long_ago, to=reader(language), truncated=3, style=Style(form, LEAST_BODY_BYTES))
    assert message.told == 4
    assert "🔴" in message.text


def test_plain_text_holds_no_markdown() -> None:
    message = written(alert(floor="1"), alert(fingerprint="f2", dispenser="b"), style=Style(Form.TEXT))
    assert not re.search(r"[*#\[\]]|  \n", message.text)
    assert "What to do: https://example.org/runbooks/DispenserLeak.md" in message.text


def test_the_barest_form_says_how_many_and_how_bad_and_not_a_word_of_others() -> None:
    alerts = [alert(), alert(fingerprint="f2", severity="info"), alert(status="resolved", fingerprint="f3")]
    message = written(*alerts, style=Style(Form.BARE, last=False))
    assert message.text == (
        "🔴 2 firing (1 critical), 1 resolved\nDingTalk refused the details; look into Alertmanager"
    )
    assert message.told == 3


def test_each_alert_has_its_own_state_whatever_the_groups_is() -> None:
    text = written(alert(dispenser="a"), alert(status="resolved", fingerprint="f2", dispenser="b")).text
    assert "1 firing (1 critical), 1 resolved" in text
    assert "🔴 **a**" in text
    assert "✅ **b**" in text


def test_the_worst_comes_first() -> None:
    alerts = [
        alert(status="resolved", dispenser="resolved"),
        alert(severity="info", dispenser="info"),
        alert(severity="page", dispenser="unknown-severity"),
        alert(severity="critical", dispenser="critical"),
    ]
    message = written(*alerts)
    places = [message.text.index(f"**{name}**") for name in ("critical", "unknown-severity", "info", "resolved")]
    assert places == sorted(places)
    assert message.title.endswith("· critical +3")


def test_different_alerts_of_a_group_each_say_what_they_are() -> None:
    other = alert(fingerprint="f2", severity="info", annotations={"summary": "A filter is worn"})
    text = written(alert(), other).text
    assert text.count("A dispenser leaks") == 1
    assert "A filter is worn" in text


@pytest.mark.parametrize("form", Form)
def test_a_missing_keyword_is_put_in_front(form: Form) -> None:
    message = written(to=reader("en", "UTC", "水機", "pager"), style=Style(form))
    assert message.text.removeprefix("### ").startswith("水機 🔴")
    assert message.title.startswith("水機 🔴") == (form in {Form.CARD, Form.MARKDOWN})


def test_a_keyword_that_is_there_is_not_repeated() -> None:
    assert written(to=reader("en", "UTC", "pager", "dispenser")).title.startswith("🔴")


def many(count: int) -> list[dict[str, Any]]:
    return [
        alert(fingerprint=f"{n:04}", dispenser=f"d{n:04}", annotations={"description": "漏" * 300})
        for n in range(count)
    ]


def test_what_has_no_room_in_the_last_message_is_counted_with_a_link() -> None:
    message = written(*many(200), truncated=7)
    shown = message.text.count("🔴 **d")
    assert 0 < shown < 200
    assert message.told == 200
    assert (
        f"\n\n+{200 - shown} more\n\n"
        "Alertmanager left out 7 more; their state is not known here\n\n"
        "[All in Alertmanager](http://alertmanager.example)\n\n"
        "[Silence](http://alertmanager.example/#/silences/new?filter="
    ) in message.text
    assert BODY_BYTES - 1200 < size(message) <= BODY_BYTES


def test_messages_in_a_row_tell_of_every_alert_once() -> None:
    alerts, told, seen = many(40), 0, ""
    while told < len(alerts):
        message = written(*alerts, style=Style(last=False), skip=told)
        assert " more" not in message.text
        told += message.told
        seen += message.text
    assert all(seen.count(f"🔴 **d{number:04}**") == 1 for number in range(40))


@settings(deadline=None)
@given(
    st.integers(1, 40),
    st.text(max_size=2500),
    st.sampled_from(LANGUAGES),
    st.sampled_from(Form),
    st.sampled_from([BODY_BYTES, BODY_BYTES // 2, LEAST_BODY_BYTES]),
)
def test_no_message_is_over_its_size_and_one_alert_always_has_room(
    count: int, text: str, language: Language, form: Form, body_bytes: int
) -> None:
    url = f"https://example.org/{text}"
    hostile = dict.fromkeys(("site", "building", "cluster", "floor", "dispenser"), text)
    notes = dict.fromkeys(("description", "summary"), text) | dict.fromkeys(("runbook_url", "dashboard_url"), url)
    alerts = [alert(fingerprint=str(n), annotations=notes, **hostile) for n in range(count)]
    message = written(*alerts, to=reader(language, "UTC", "é" * 50), style=Style(form, body_bytes), truncated=1)
    assert size(message) <= body_bytes
    assert message.told == count
    assert form is Form.BARE or message.text.count("+00:00") >= 1
    assert json.loads(message.encode("x"))["msgUuid"] == "x"


def test_the_longest_words_of_four_bytes_have_room_in_the_smallest_message() -> None:
    """The worst case on purpose, as chance seldom finds it."""
    text = "𝔘" * 3000
    hostile = dict.fromkeys(("site", "building", "cluster", "floor", "dispenser"), text)
    url = "https://example.org/" + "a" * (LEAST_BODY_BYTES // 16 - 20)
    notes = {"description": text, "summary": text, "runbook_url": url, "dashboard_url": url}
    alerts = [alert(fingerprint=str(n), annotations=notes, **hostile) for n in range(2)]
    notification = parse_notification(
        body(*alerts, truncated=10**9).replace(b"http://alertmanager.example", url.encode())
    )
    for language in LANGUAGES:
        for form in Form:
            style = Style(form, LEAST_BODY_BYTES)
            assert size(write(notification, reader(language, "UTC", "𝔘" * 49 + "x"), style)) <= LEAST_BODY_BYTES


@pytest.mark.parametrize(
    "evil", ["[click](http://evil.example)", "<img src=x>", "\n\n# b", "@13800000000", "{{ 7*7 }}"]
)
@pytest.mark.parametrize("form", Form)
def test_labels_and_annotations_are_harmless_wherever_they_stand(evil: str, form: Form) -> None:
    places = dict.fromkeys(("alertname", "site", "building", "cluster", "floor", "dispenser", "severity"), evil)
    notes = dict.fromkeys(("description", "summary", "runbook_url", "dashboard_url"), evil)
    one = alert(annotations=notes)
    one["labels"] |= places
    message = written(one, style=Style(form))
    assert evil not in message.text or evil == "{{ 7*7 }}"
    assert "49" not in message.text
    assert not re.search(r"[<@]", message.title + message.text)


def test_an_alert_with_nothing_but_a_name_still_makes_a_message() -> None:
    bare = {"status": "firing", "labels": {"alertname": "Odd"}, "startsAt": "2026-11-21T10:31:00Z", "fingerprint": "f"}
    message = written(bare)
    assert message.title == "🟠 Warning: Odd"
    assert "\n🟠 Odd  \nWarning, firing since" in message.text


def test_who_is_mentioned_stands_in_at_and_in_the_text_of_every_form() -> None:
    wang, chen = Mention("Wang", mobile="13800000000"), Mention("Chen", user_id="u1")
    notification = parse_notification(body())
    for form in (Form.MARKDOWN, Form.TEXT, Form.BARE):
        message = write(notification, reader(), Style(form), 0, Extras([wang, chen]))
        assert message.text.endswith("@13800000000 @u1")
        at = json.loads(message.encode("id"))["at"]
        assert at == {"atMobiles": ["13800000000"], "atUserIds": ["u1"], "isAtAll": False}
    assert "13800000000" not in repr(wang)


def test_buttons_stand_below_a_card_and_as_links_in_markdown() -> None:
    extras = Extras(buttons=[("acknowledge", "https://t.example/a"), ("silence", "https://t.example/s")])
    notification = parse_notification(body())
    card = json.loads(write(notification, reader(), Style(Form.CARD), 0, extras).encode("id"))
    assert card["msgtype"] == "actionCard"
    assert card["actionCard"]["btns"] == [
        {"title": "I take care of it", "actionURL": "https://t.example/a"},
        {"title": "Silence", "actionURL": "https://t.example/s"},
    ]
    assert "t.example" not in card["actionCard"]["text"]
    text = write(notification, reader(), Style(), 0, extras).text
    assert "[I take care of it](https://t.example/a) · [Silence](https://t.example/s)" in text
    assert "#/silences/new" not in text


def test_the_value_now_and_the_threshold_are_told() -> None:
    hot = alert() | {"generatorURL": "http://p/graph?g0.expr=temperature+%3E+98.5"}
    notification = parse_notification(body(hot))
    assert "Threshold ＞ 98.5" in write(notification, reader(), Style()).text
    assert (
        "Now 99.25 (threshold ＞ 98.5)" in write(notification, reader(), Style(), 0, Extras(values={"f1": 99.25})).text
    )


def test_what_others_told_before_has_no_extras_again() -> None:
    notification = parse_notification(body(alert(), alert(fingerprint="f2")))
    extras = Extras([Mention("Wang", user_id="u1")], escalated_minutes=15)
    assert "@u1" in write(notification, reader(), Style(), 0, extras).text
    assert "Nobody has acknowledged this for 15 minutes" in write(notification, reader(), Style(), 0, extras).text
    assert "@u1" not in write(notification, reader(), Style(), 1, extras).text
