"""Many notifications in one message: every alert is counted, the worst are named, and it fits."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.dingtalk.digest import Digest, write_digest
from alerting.dingtalk.message import ANY_ID, Form, Reader, Style
from alerting.dingtalk.settings import Language
from alerting.payload import Notification
from laboratory.notifications import alert, payload

ENGLISH = Reader("en", ZoneInfo("UTC"), ("Tapwatch",))


def notification(*alerts: dict[str, object], truncated: int = 0) -> Notification:
    return Notification.model_validate(payload(*alerts, truncated=truncated))


def digest_of(*notifications: Notification) -> Digest:
    return Digest.of((one, 0) for one in notifications)


def test_alerts_of_one_name_at_one_site_are_one_line() -> None:
    found = digest_of(
        notification(alert(fingerprint="1", dispenser="a"), alert(fingerprint="2", dispenser="b")),
        notification(alert(fingerprint="3", dispenser="c", site="hospital")),
        notification(alert("DispenserFilterWorn", fingerprint="4", severity="info", annotations={"summary": "Worn"})),
    )
    message = write_digest(found, ENGLISH, Style())
    assert message.title == "Tapwatch 🔴 4 firing (3 critical) · 3 kinds of alert, gathered"
    assert [line for line in message.text.splitlines() if line.startswith(("🔴", "🔵"))] == [
        "🔴 **main-campus · A dispenser leaks**: 2 firing · a, b",
        "🔴 **hospital · A dispenser leaks**: 1 firing · c",
        "🔵 **main-campus · Worn**: 1 firing · lib-1f-east",
    ]
    assert message.text.endswith("[All in Alertmanager](http://alertmanager.example)")
    assert message.told == 4


def test_a_thing_is_told_in_its_latest_state() -> None:
    message = write_digest(digest_of(notification(alert()), notification(alert(status="resolved"))), ENGLISH, Style())
    assert message.title == "Tapwatch ✅ 1 resolved · 1 kind of alert, gathered"


def test_what_was_told_before_is_not_told_again() -> None:
    one = notification(alert(fingerprint="1", dispenser="a"), alert(fingerprint="2", dispenser="b"))
    found = Digest.of([(one, 1)])
    assert [each.labels["dispenser"] for each in found.alerts] == [one.worst_first[1].labels["dispenser"]]


def test_a_long_list_of_things_is_counted() -> None:
    many = notification(*(alert(fingerprint=str(n), dispenser=f"d{n:02}") for n in range(12)))
    assert "12 firing · d00, d01, d02, d03, d04 +7" in write_digest(digest_of(many), ENGLISH, Style()).text


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW"])
@pytest.mark.parametrize("form", list(Form))
def test_every_language_and_form_says_how_many(language: Language, form: Form) -> None:
    found = digest_of(notification(alert(), truncated=7))
    message = write_digest(found, Reader(language, ZoneInfo("UTC"), ()), Style(form))
    assert "7" in message.text
    assert "1" in message.text


@given(
    st.lists(
        st.builds(
            alert,
            name=st.text(max_size=300),
            status=st.sampled_from(["firing", "resolved"]),
            fingerprint=st.uuids().map(str),
            site=st.text(max_size=50),
            dispenser=st.text(max_size=300),
        ),
        min_size=1,
        max_size=150,
    ),
    st.sampled_from([5000, 10_000, 20_000]),
)
@settings(deadline=None, max_examples=40)
def test_it_always_fits_and_every_alert_is_counted(alerts: list[dict[str, object]], limit: int) -> None:
    message = write_digest(digest_of(notification(*alerts)), ENGLISH, Style(body_bytes=limit))
    assert len(message.encode(ANY_ID)) <= limit
    assert message.told == len(alerts)
