"""The stand-in for DingTalk's cloud takes what DingTalk takes, and nothing else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from alerting.dingtalk.robot import sign
from alerting.dingtalk.settings import RateLimit, RobotSettings
from alerting.dingtalk.standin.cloud import KEPT, LARGEST_BODY, Call, Cloud, Received, Verdict
from alerting.dingtalk.standin.server import render_chat_text

NOW = 1_790_000_000.0
TOKEN, SECRET = "token", "SECsecret"


def cloud(*, secret: str | None = SECRET, keywords: tuple[str, ...] = ()) -> Cloud:
    settings = RobotSettings.model_construct(
        access_token=SecretStr(TOKEN),
        secret=SecretStr(secret) if secret else None,
        keywords=list(keywords),
        rate_limit=RateLimit.model_construct(messages=10_000),
    )
    return Cloud({"ops": settings}, RateLimit())


def query(at: float = NOW, secret: str = SECRET) -> dict[str, str]:
    timestamp = int(at * 1000)
    return {"access_token": TOKEN, "timestamp": str(timestamp), "sign": sign(timestamp, secret)}


def markdown(text: str = "hello", **more: Any) -> bytes:  # noqa: ANN401 - any message
    return json.dumps({"msgtype": "markdown", "markdown": {"title": "t", "text": text}, **more}).encode()


RIGHT = markdown()


def receive(
    one: Cloud, body: bytes = RIGHT, elapsed: float = 0.0, changes: Mapping[str, str] | None = None
) -> Received:
    return one.receive(Call({**query(), **(changes or {})}, "application/json", body), NOW, elapsed)


def errcode(one: Cloud, body: bytes = RIGHT, elapsed: float = 0.0) -> int:
    return receive(one, body, elapsed).verdict.errcode


def message(kind: str, **content: object) -> bytes:
    return json.dumps({"msgtype": kind, kind: content}).encode()


def test_a_right_message_is_taken() -> None:
    assert receive(cloud()).verdict == Verdict(0, "ok")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"access_token": "other"}, Verdict(300001, "token is not exist")),
        ({"sign": "wrong"}, Verdict(310000, "sign not match")),
        ({"sign": "ü"}, Verdict(310000, "sign not match")),
        ({"timestamp": "soon"}, Verdict(310000, "invalid timestamp, more than one hour from now")),
        ({"timestamp": "²"}, Verdict(310000, "invalid timestamp, more than one hour from now")),
        ({"timestamp": ""}, Verdict(310000, "invalid timestamp, more than one hour from now")),
        (query(NOW - 3601), Verdict(310000, "invalid timestamp, more than one hour from now")),
        (query(NOW + 3601), Verdict(310000, "invalid timestamp, more than one hour from now")),
        (query(secret="SECother"), Verdict(310000, "sign not match")),
    ],
)
def test_a_wrong_token_signature_or_timestamp_is_refused(changes: dict[str, str], expected: Verdict) -> None:
    assert receive(cloud(), changes=changes).verdict == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"not json", 40035),
        (b"\xff", 40035),
        (b"[]", 40035),
        (b"[" * 19_000, 40035),
        (b"{}", 400105),
        (message("picture"), 400105),
        (b'{"msgtype": ["text"], "text": {"content": "x"}}', 400105),
        (b'{"msgtype": "text"}', 40035),
        (b'{"msgtype": "text", "text": "hello"}', 40035),
        (message("text", content=""), 40035),
        (message("text", content=7), 40035),
        (message("text", content="x"), 0),
        (message("markdown", title="t"), 40035),
        (message("markdown", text="x"), 40035),
        (message("link", title="t", text="x"), 40035),
        (message("link", title="t", text="x", messageUrl="https://example.org"), 0),
        (message("actionCard", title="t", text="x"), 40035),
        (message("actionCard", title="t", text="x", singleTitle="s", singleURL="https://example.org"), 0),
        (message("actionCard", title="t", text="x", btns=[{"title": "b", "actionURL": "https://example.org"}]), 0),
        (message("feedCard", links=[]), 40035),
        (message("feedCard", links=[{"title": "t"}]), 0),
        (markdown("x" * LARGEST_BODY), 460101),
        (markdown(at={"atMobiles": "all", "isAtAll": 1}), 0),
        (markdown(at=[]), 0),
    ],
)
def test_a_message_that_dingtalk_cannot_read_is_refused(body: bytes, expected: int) -> None:
    assert errcode(cloud(), body) == expected


def test_the_size_is_that_of_the_whole_body_in_bytes() -> None:
    rest = LARGEST_BODY - len(markdown(""))
    assert errcode(cloud(), markdown("x" * rest)) == 0
    assert errcode(cloud(), markdown("x" * (rest + 1))) == 460101


def test_a_message_that_is_not_called_json_is_refused() -> None:
    assert cloud().receive(Call(query(), "text/plain", RIGHT), NOW, 0.0).verdict.errcode == 43004


def test_one_of_the_keywords_must_stand_in_the_message() -> None:
    strict = cloud(secret=None, keywords=("Tapwatch", "水", 'say "so"'))
    assert receive(strict, markdown("nothing")).verdict == Verdict(310000, "keywords not in content")
    assert errcode(strict, markdown("of tapwatch")) == 310000
    for text in ("of Tapwatch", "開水機", 'they say "so"'):
        assert errcode(strict, markdown(text)) == 0
    assert errcode(strict, markdown("nothing", msgUuid="Tapwatch")) == 310000


def test_the_21st_message_in_a_minute_mutes_the_robot_for_ten_whatever_its_owner_believes() -> None:
    one = cloud()
    assert [errcode(one, elapsed=n) for n in range(20)] == [0] * 20
    assert errcode(one, elapsed=20) == 130101
    assert errcode(one, elapsed=70) == 130101, "muted, though the minute is over"
    assert errcode(one, elapsed=20 + 599) == 130101
    assert errcode(one, elapsed=20 + 600) == 0


def test_refused_messages_count_too() -> None:
    one = cloud()
    assert [errcode(one, b"no json", elapsed=n) for n in range(20)] == [40035] * 20
    assert errcode(one, elapsed=20) == 130101


def test_twenty_messages_a_minute_can_go_on_for_ever() -> None:
    one = cloud()
    assert all(errcode(one, elapsed=3 * n) == 0 for n in range(200))


def test_a_repetition_is_taken_and_not_shown_again() -> None:
    one = cloud()
    first, second, third = (receive(one, markdown(msgUuid=name)) for name in ("u1", "u1", "u2"))
    assert [(call.verdict.accepted, call.repeated) for call in (first, second, third)] == [
        (True, False),
        (True, True),
        (True, False),
    ]


def test_a_refused_message_may_be_mended_under_the_same_id() -> None:
    one = cloud()
    assert errcode(one, markdown("x" * LARGEST_BODY, msgUuid="u1")) == 460101
    assert not receive(one, markdown("x", msgUuid="u1")).repeated


def test_only_who_stands_in_the_text_too_is_mentioned() -> None:
    at = {"atMobiles": ["13800000000", "13900000000"], "atUserIds": ["u1"]}
    found = receive(cloud(), markdown("call @13800000000 @u1", at=at)).message
    assert found.wanted == ("13800000000", "13900000000", "u1")
    assert found.mentioned == ("13800000000", "u1")


def test_what_came_is_kept_in_order_and_not_for_ever() -> None:
    one = cloud()
    for number in range(KEPT + 5):
        receive(one, markdown(str(number)), elapsed=number * 3.0)
    kept = one.received()
    assert [call.message.text for call in (kept[0], kept[-1])] == ["5", str(KEPT + 4)]
    assert one.received(after=kept[-2].number) == [kept[-1]]


@pytest.mark.parametrize(
    ("markdown_text", "html"),
    [
        ("### 🔴 **x**", "<h3>🔴 <strong>x</strong></h3>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("[x](https://example.org/?a=b)", '<p><a href="https://example.org/?a=b">x</a></p>'),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("- a", "<ul>\n<li>a</li>\n</ul>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ('<img src=x onerror="alert(1)">', "<p>&lt;img src=x onerror=&quot;alert(1)&quot;&gt;</p>"),
        ("![x](https://example.org/x.png)", '<p>!<a href="https://example.org/x.png">x</a></p>'),
    ],
)
def test_the_chat_shows_markdown_and_runs_nothing(markdown_text: str, html: str) -> None:
    assert render_chat_text(markdown_text).strip().replace("<br />", "<br>") == html
