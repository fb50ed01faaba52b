"""The bridge says delivered only when DingTalk has taken every message."""

import asyncio
import json
import re
import time
from pathlib import Path

import aiohttp
import pytest

from alerting.dingtalk.bridge import LARGEST_PAYLOAD_BYTES
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.delivery import MOST_MESSAGES, TRIES
from alerting.dingtalk.errcode import MEANINGS
from alerting.dingtalk.ledger import SAME_NEWS_SECONDS
from alerting.dingtalk.outlet import BAN_SECONDS
from alerting.dingtalk.standin.cloud import LARGEST_BODY
from laboratory.notifications import alert, body, payload
from tapwatch.errors import DeliveryReason
from tests.integration.dingtalk.channel import SECRET, Channel, running_channel, write_settings

LONG = {"description": "漏" * 300}


class Clock:
    """Time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def many(count: int) -> bytes:
    return body(*(alert(fingerprint=f"{n:04}", dispenser=f"d{n:04}", annotations=LONG) for n in range(count)))


async def reason_of(channel: Channel, notification: bytes = body()) -> tuple[int, str]:
    status, text = await channel.post(notification)
    return status, text.partition(":")[0]


async def test_a_notification_is_delivered_signed_and_once(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        assert await channel.post(body()) == (200, "delivered\n")
        (one,) = channel.received
        metrics = await channel.metrics()
    assert one.verdict.accepted
    assert one.message.title == "Tapwatch 🔴 Critical: A dispenser leaks · lib-1f-east"
    for series in (
        'tapwatch_notifications_total{result="delivered",robot="ops"} 1.0',
        'tapwatch_messages_total{result="delivered",robot="ops"} 1.0',
        'tapwatch_notification_alerts_total{robot="ops",status="firing"} 1.0',
        'tapwatch_message_duration_seconds_count{robot="ops"} 1.0',
        'tapwatch_last_delivery_timestamp_seconds{robot="ops"} 1.',
    ):
        assert series in metrics


async def test_every_result_is_counted_from_zero_on_so_that_the_first_failure_is_an_increase(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        metrics = await channel.metrics()
    for result in ("delivered", "invalid", *DeliveryReason):
        assert f'tapwatch_notifications_total{{result="{result}",robot="ops"}} 0.0' in metrics


@pytest.mark.parametrize(
    ("kind", "reason", "calls"),
    [
        ("http500", "http", TRIES),
        ("reset", "disconnect", TRIES),
        ("hang", "timeout", TRIES),
        ("missing_errcode", "malformed_answer", TRIES),
        ("busy", "busy", TRIES),
        ("ban", "banned", 1),
        ("ban_page", "banned", 1),
    ],
)
async def test_whatever_is_not_errcode_0_is_not_delivered(tmp_path: Path, kind: str, reason: str, calls: int) -> None:
    async with running_channel(tmp_path, answer_within="100ms") as channel:
        channel.break_cloud(kind)
        assert await reason_of(channel) == (503, reason)
        assert len(channel.received) == calls
        metrics = await channel.metrics()
    assert f'tapwatch_notifications_total{{result="{reason}",robot="ops"}} 1.0' in metrics
    assert f'tapwatch_messages_total{{result="{reason}",robot="ops"}} {calls}.0' in metrics


async def test_a_cloud_that_nobody_reaches_is_left_to_alertmanager(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        write_settings(tmp_path, "http://127.0.0.1:1/robot/send")
        assert (await channel.reload())[0] == 200
        assert await reason_of(channel) == (503, "connect")
        assert f'tapwatch_messages_total{{result="connect",robot="ops"}} {TRIES}.0' in await channel.metrics()


@pytest.mark.parametrize("errcode", sorted(MEANINGS))
async def test_every_errcode_is_answered_as_its_meaning_says(tmp_path: Path, errcode: int) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", errcode=errcode)
        status, text = await channel.post(body())
    meaning = MEANINGS[errcode]
    assert status == (503 if meaning.retryable else 422)
    assert text == f"{meaning.reason}: errcode {errcode}: injected; {meaning.advice}\n"


async def test_an_unknown_errcode_is_not_taken_for_success(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", errcode=987654)
        assert await reason_of(channel) == (503, "unknown")


@pytest.mark.parametrize("kind", ["http500", "reset", "lost_answer", "missing_errcode", "busy"])
async def test_a_passing_fault_costs_no_retry_of_alertmanager(tmp_path: Path, kind: str) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud(kind, count=TRIES - 1)
        assert await channel.post(body()) == (200, "delivered\n")
        assert len(channel.accepted) == 1


async def test_a_message_that_may_have_arrived_is_not_shown_twice(tmp_path: Path) -> None:
    """Every answer is lost, so that Alertmanager must ask again; DingTalk knows the message by its id."""
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("lost_answer")
        assert await reason_of(channel) == (503, "disconnect")
        channel.mend_cloud()
        assert await channel.post(body()) == (200, "delivered\n")
        assert len(channel.accepted) == 1
        assert len(channel.received) == TRIES + 1


async def test_nobody_is_kept_waiting_longer_than_the_patience(tmp_path: Path) -> None:
    async with running_channel(tmp_path, answer_within="500ms", settings={"patience": "700ms"}) as channel:
        channel.break_cloud("hang")
        started = time.monotonic()
        answers = await asyncio.gather(*(reason_of(channel, body(group=str(number))) for number in range(5)))
        took = time.monotonic() - started
    assert answers == [(503, "timeout")] * 5
    assert took < 1.5


async def test_a_notification_that_alertmanager_gave_up_waiting_for_is_not_sent_again(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("slow", count=1, seconds=0.4)
        with pytest.raises(TimeoutError):
            await channel.post(body(), timeout=aiohttp.ClientTimeout(0.2))
        assert await channel.post(body()) == (200, "delivered before\n")
        assert len(channel.received) == 1
        metrics = await channel.metrics()
    assert 'tapwatch_notification_alerts_total{robot="ops",status="firing"} 1.0' in metrics


async def test_two_alertmanagers_tell_once_and_a_reminder_is_told_again(tmp_path: Path) -> None:
    clock = Clock()
    async with running_channel(tmp_path, clocks=Clocks(steady=clock)) as channel:
        answers = await asyncio.gather(channel.post(body()), channel.post(body()))
        assert set(answers) == {(200, "delivered\n"), (200, "delivered before\n")}
        clock.now += SAME_NEWS_SECONDS + 1
        assert await channel.post(body()) == (200, "delivered\n")
        assert len(channel.accepted) == 2, "DingTalk must not take the reminder for a repetition"


async def test_of_several_messages_only_what_failed_is_sent_again(tmp_path: Path) -> None:
    clock, limit = Clock(), {"messages": 1, "per": "60s"}
    async with running_channel(tmp_path, rate_limit=limit, clocks=Clocks(steady=clock)) as channel:
        assert await reason_of(channel, many(30)) == (503, "rate_limited")
        assert len(channel.accepted) == 1
        clock.now += 61
        assert await channel.post(many(30)) == (200, "delivered\n")
        texts = [one.message.text for one in channel.accepted]
    assert len(texts) == 2
    for number in range(30):
        assert sum(f"**d{number:04}**" in text for text in texts) == 1


async def test_thousands_of_alerts_become_a_few_messages_that_count_the_rest(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        assert (await channel.post(many(3000)))[0] == 200
        messages = [one.message for one in channel.accepted]
        assert all(one.size <= LARGEST_BODY for one in channel.accepted)
    assert len(messages) == MOST_MESSAGES
    shown = sum(message.text.count("🔴 **d") for message in messages)
    assert f"+{3000 - shown} more" in messages[-1].text
    assert "[All in Alertmanager](http://alertmanager.example)" in messages[-1].text


async def test_a_message_that_cannot_be_read_is_sent_as_plain_text(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", count=1, errcode=40035)
        assert await channel.post(body()) == (200, "delivered\n")
        (one,) = channel.accepted
    assert one.message.kind == "text"
    assert "What to do: https://" in one.message.text


async def test_words_that_dingtalk_forbids_do_not_silence_the_alert(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", count=2, errcode=430102)
        assert await channel.post(body()) == (200, "delivered\n")
        (one,) = channel.accepted
    assert one.message.text.startswith("Tapwatch 🔴 1 firing (1 critical)\nDingTalk refused the details")


async def test_a_message_that_dingtalk_finds_too_long_is_shortened(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", count=1, errcode=460101)
        assert await channel.post(many(12)) == (200, "delivered\n")
        sizes = [one.size for one in channel.received]
    assert 10_000 < sizes[0] <= 20_000
    assert all(size <= 10_000 for size in sizes[1:2])


async def test_the_rate_limit_is_never_run_into(tmp_path: Path) -> None:
    clock = Clock()
    limit = {"messages": 3, "per": "60s"}
    async with running_channel(tmp_path, rate_limit=limit, clocks=Clocks(steady=clock)) as channel:
        answers = [await channel.post(body(group=str(number))) for number in range(6)]
        assert [status for status, _ in answers] == [200, 200, 200, 503, 503, 503]
        assert (
            answers[-1][1] == "rate_limited: the robot is asked nothing for 60 s: its 3 messages in 60 s are used up\n"
        )
        assert len(channel.received) == 3, "DingTalk is not asked for what it would refuse"
        clock.now += 61
        assert (await channel.post(body(group="5")))[0] == 200


@pytest.mark.parametrize(
    ("kind", "how", "seconds"),
    [("errcode", {"errcode": 130101}, 600.0), ("errcode", {"errcode": 410100}, 600.0), ("ban", {}, BAN_SECONDS)],
)
async def test_a_robot_that_dingtalk_does_not_listen_to_is_left_alone_for_as_long(
    tmp_path: Path, kind: str, how: dict[str, int], seconds: float
) -> None:
    clock, unix = Clock(), int(time.time())
    async with running_channel(tmp_path, clocks=Clocks(lambda: unix, clock)) as channel:
        channel.break_cloud(kind, count=1, **how)
        assert (await channel.post(body()))[0] == 503
        clock.now += seconds - 1
        assert await reason_of(channel) == (503, "rate_limited")
        assert len(channel.received) == 1
        blocked = re.search(
            r'tapwatch_robot_blocked_until_timestamp_seconds{robot="ops"} (\S+)', await channel.metrics()
        )
        assert blocked is not None
        assert float(blocked[1]) == unix + 1
        clock.now += 1
        assert (await channel.post(body()))[0] == 200


async def test_a_reload_does_not_make_a_muted_robot_speak(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", count=1, errcode=130101)
        assert (await channel.post(body()))[0] == 503
        assert (await channel.reload())[0] == 200
        assert await reason_of(channel) == (503, "rate_limited")
        assert len(channel.received) == 1


async def test_wrong_requests_are_answered_with_what_would_be_right(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        assert await channel.post(body(), robot="opps") == (404, "no robot has this name; there are: ops\n")
        version_3 = json.dumps(payload() | {"version": "3"}).encode()
        for wrong in (b"not json", b"{}", b"\xff", version_3):
            assert (await channel.post(wrong))[0] == 400
        assert (await channel.post(b"x" * (LARGEST_PAYLOAD_BYTES + 1)))[0] == 413
        assert channel.received == []
        assert 'tapwatch_notifications_total{result="invalid",robot="ops"} 4.0' in await channel.metrics()


async def test_a_robot_that_hangs_delays_no_other(tmp_path: Path) -> None:
    async with running_channel(tmp_path, answer_within="2s") as channel:
        text = channel.settings.read_text(encoding="utf-8")
        dead = "robots:\n  dead: {url: 'http://127.0.0.1:1/x', access_token_file: ./ops.token}"
        channel.settings.write_text(text.replace("robots:", dead), encoding="utf-8")
        assert (await channel.reload())[0] == 200
        channel.break_cloud("hang", count=1)
        slow = asyncio.create_task(channel.post(body()))
        await asyncio.sleep(0.05)
        assert (await channel.post(body(), robot="dead"))[0] == 503
        assert not slow.done()
        assert (await slow)[0] == 200


async def test_a_reload_takes_a_new_secret_and_a_bad_file_keeps_the_old(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        (tmp_path / "ops.secret").write_text("SECwrong", encoding="utf-8")
        assert (await channel.reload())[0] == 200
        status, text = await channel.post(body())
        assert (status, text.partition(";")[0]) == (503, "refused: errcode 310000: sign not match")
        (tmp_path / "ops.secret").write_text(SECRET, encoding="utf-8")
        assert (await channel.reload())[0] == 200
        (tmp_path / "ops.token").unlink()
        status, text = await channel.reload()
        assert (status, "robots.ops.access_token_file: the secret's file" in text) == (500, True)
        assert (await channel.post(body()))[0] == 200
