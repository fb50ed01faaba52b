"""Alertmanager's payload."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.payload import parse_notification
from laboratory.notifications import alert, body, payload


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "the body: Invalid JSON"),
        (b"[]", "the body: Input should be an object"),
        (b'{"version": "4"}', "groupKey: Field required"),
        (json.dumps(payload() | {"version": "3"}).encode(), "of version '3'; Tapwatch reads version '4'"),
        (json.dumps(payload() | {"alerts": []}).encode(), "holds no alerts"),
        (json.dumps(payload(alert() | {"startsAt": "soon"})).encode(), "alerts.0.startsAt: Input should be a valid"),
        (json.dumps(payload(alert() | {"status": "odd"})).encode(), "alerts.0.status: Input should be 'firing' or"),
        (
            json.dumps(payload(alert() | {"fingerprint": ""})).encode(),
            "alerts.0.fingerprint: String should have at least",
        ),
        (json.dumps(payload(alert() | {"startsAt": "0001-01-01T00:00:00Z"})).encode(), "is no time at which an alert"),
        (json.dumps(payload(alert() | {"startsAt": "9999-12-31T23:59:59Z"})).encode(), "is no time at which an alert"),
    ],
)
def test_what_is_no_payload_is_told(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"payload|version|alerts") as caught:
        parse_notification(text)
    assert message in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_payload_or_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="payload"):
        parse_notification(text)


def test_fields_of_newer_alertmanagers_are_passed_over() -> None:
    newer = payload() | {"notification_reason": "repeat", "routeLabels": {"a": "b"}}
    assert parse_notification(json.dumps(newer).encode()).alerts


def test_the_key_is_the_same_for_the_same_news_from_another_replica() -> None:
    first = payload(alert(fingerprint="a"), alert(fingerprint="b"))
    second = payload(alert(fingerprint="b"), alert(fingerprint="a")) | {"externalURL": "http://other.example"}
    keys = {parse_notification(json.dumps(one).encode()).key for one in (first, second)}
    assert len(keys) == 1


def test_the_key_is_another_when_an_alert_resolves() -> None:
    assert parse_notification(body(alert())).key != parse_notification(body(alert(status="resolved"))).key


def test_nanoseconds_are_read_as_alertmanager_writes_them() -> None:
    one = alert() | {"startsAt": "2026-11-21T10:31:17.123456789Z"}
    assert parse_notification(body(one)).alerts[0].starts_at.microsecond == 123456


def test_the_order_of_the_alerts_does_not_depend_on_alertmanagers() -> None:
    alerts = [alert(fingerprint=name) for name in "abc"]
    orders = [
        [one.fingerprint for one in parse_notification(body(*some)).worst_first] for some in (alerts, alerts[::-1])
    ]
    assert orders[0] == orders[1]
