"""The stand-in for DingTalk's cloud takes what DingTalk takes, and nothing else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from alerting.dingtalk.robot import sign
from alerting.dingtalk.settings import RateLimit, RobotSettings
from alerting.dingtalk.standin.cloud import LARGEST_BODY, Cloud, Verdict

NOW = 1_790_000_000.0
TOKEN, SECRET = "token", "SECsecret"


def cloud(*, secret: str | None = SECRET, keywords: tuple[str, ...] = ()) -> Cloud:
    settings = RobotSettings.model_construct(
        access_token=SecretStr(TOKEN),
        secret=SecretStr(secret) if secret else None,
        keywords=list(keywords),
        rate_limit=RateLimit(),
    )
    return Cloud({"ops": settings})


def query(at: float = NOW, secret: str = SECRET) -> dict[str, str]:
    timestamp = int(at * 1000)
    return {"access_token": TOKEN, "timestamp": str(timestamp), "sign": sign(timestamp, secret)}


def markdown(text: str = "hello", **more: Any) -> bytes:  # noqa: ANN401 - any message
    return json.dumps({"msgtype": "markdown", "markdown": {"title": "t", "text": text}, **more}).encode()


RIGHT = markdown()


def verdict(one: Cloud, changes: Mapping[str, str] | None = None, *, body: bytes = RIGHT, now: float = NOW) -> Verdict:
    return one.receive({**query(), **(changes or {})}, body, now).verdict


def test_a_right_message_is_taken() -> None:
    assert verdict(cloud()) == Verdict(0, "ok")


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"access_token": "other"}, 300001),
        ({"sign": "wrong"}, 310000),
        ({"timestamp": "soon"}, 310000),
        ({"timestamp": ""}, 310000),
        (query(NOW - 3601), 310000),
        (query(secret="SECother"), 310000),
    ],
)
def test_a_wrong_token_signature_or_timestamp_is_refused(changes: dict[str, str], errcode: int) -> None:
    assert verdict(cloud(), changes).errcode == errcode


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"not json", 40035),
        (b"[]", 40035),
        (json.dumps({"msgtype": "picture"}).encode(), 400105),
        (json.dumps({"msgtype": "markdown", "markdown": {"title": "t"}}).encode(), 43004),
        (json.dumps({"msgtype": "text", "text": "hello"}).encode(), 43004),
        (markdown("x" * LARGEST_BODY), 460101),
    ],
)
def test_a_message_that_dingtalk_cannot_read_is_refused(body: bytes, errcode: int) -> None:
    assert verdict(cloud(), body=body).errcode == errcode


def test_one_of_the_keywords_must_stand_in_the_message() -> None:
    strict = cloud(secret=None, keywords=("Tapwatch", "水"))
    assert verdict(strict, body=markdown("nothing")).errcode == 310000
    assert verdict(strict, body=markdown("of Tapwatch")).errcode == 0
    assert verdict(strict, body=markdown("開水機")).errcode == 0


def test_the_21st_message_in_a_minute_mutes_the_robot_for_ten() -> None:
    one = cloud(secret=None)
    assert [verdict(one, now=NOW + n).errcode for n in range(20)] == [0] * 20
    assert verdict(one, now=NOW + 20).errcode == 130101
    assert verdict(one, now=NOW + 70).errcode == 130101, "muted, though the minute is over"
    assert verdict(one, now=NOW + 20 + 599).errcode == 130101
    assert verdict(one, now=NOW + 20 + 600).errcode == 0


def test_twenty_messages_a_minute_can_go_on_for_ever() -> None:
    one = cloud(secret=None)
    assert all(verdict(one, now=NOW + 3 * n).errcode == 0 for n in range(200))


def test_a_repetition_is_taken_and_not_shown_again() -> None:
    one = cloud()
    first = one.receive(query(), markdown(msgUuid="u1"), NOW)
    second = one.receive(query(), markdown(msgUuid="u1"), NOW)
    assert (first.verdict.accepted, first.repeated) == (True, False)
    assert (second.verdict.accepted, second.repeated) == (True, True)


def test_only_who_stands_in_the_text_too_is_mentioned() -> None:
    at = {"atMobiles": ["13800000000", "13900000000"], "atUserIds": ["u1"]}
    one = cloud().receive(query(), markdown("call @13800000000 @u1", at=at), NOW)
    assert one.mentions == ("13800000000", "u1")
