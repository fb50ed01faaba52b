"""The bridge says delivered only when DingTalk has taken the message."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from alerting.dingtalk.errcode import MEANINGS
from alerting.dingtalk.robot import TRIES
from tests.integration.dingtalk.channel import SECRET, TOKEN, running_channel, write_settings
from tests.notifications import alert, body, payload
from tests.processes import run_to_end, running


async def test_a_notification_is_delivered_signed_and_once(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        assert await channel.post(body()) == (200, "delivered\n")
        (one,) = channel.stand_in.cloud.received
        assert one.verdict.accepted
        assert one.title == "Tapwatch 🔴 Critical: A dispenser leaks"
        metrics = await channel.metrics()
    assert 'tapwatch_notifications_total{result="delivered",robot="ops"} 1.0' in metrics
    assert 'tapwatch_notification_alerts_total{robot="ops",status="firing"} 1.0' in metrics


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("http500", "http"),
        ("reset", "connect"),
        ("hang", "timeout"),
        ("ban", "banned"),
        ("missing_errcode", "malformed_answer"),
    ],
)
async def test_whatever_is_not_errcode_0_is_not_delivered(tmp_path: Path, kind: str, reason: str) -> None:
    async with running_channel(tmp_path, answer_within="200ms") as channel:
        channel.break_cloud(kind)
        status, text = await channel.post(body())
        assert (status, text.split(":")[0]) == (503, reason)
        assert f'tapwatch_notifications_total{{result="{reason}",robot="ops"}} 1.0' in await channel.metrics()
        channel.stand_in.fault = None
        assert await channel.post(body()) == (200, "delivered\n")


@pytest.mark.parametrize("errcode", sorted(MEANINGS))
async def test_every_errcode_is_answered_as_its_meaning_says(tmp_path: Path, errcode: int) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", errcode=errcode)
        status, text = await channel.post(body())
    meaning = MEANINGS[errcode]
    assert status == (503 if meaning.retryable else 422)
    assert text.startswith(f"{meaning.reason}: errcode {errcode}: injected; {meaning.advice}")


async def test_an_unknown_errcode_is_not_taken_for_success(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", errcode=987654)
        status, text = await channel.post(body())
    assert (status, text.split(":")[0]) == (503, "unknown")


@pytest.mark.parametrize("kind", ["http500", "reset", "errcode"])
async def test_a_passing_fault_costs_no_retry_of_alertmanager(tmp_path: Path, kind: str) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud(kind, count=TRIES - 1)
        assert await channel.post(body()) == (200, "delivered\n")
        assert len(channel.accepted) == 1


async def test_a_message_that_may_have_arrived_is_not_shown_twice(tmp_path: Path) -> None:
    """The first answer comes after the bridge has given up, so that it must send again."""
    async with running_channel(tmp_path, answer_within="300ms") as channel:
        channel.break_cloud("slow")
        status, _ = await channel.post(body())
        assert status == 503
        await asyncio.sleep(3.2)
        channel.stand_in.fault = None
        assert await channel.post(body()) == (200, "delivered\n")
        assert len(channel.accepted) == 1
        assert [one.verdict.accepted for one in channel.stand_in.cloud.received].count(True) >= 2


async def test_a_message_that_cannot_be_read_is_sent_as_plain_text(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", count=1, errcode=430101)
        assert await channel.post(body()) == (200, "delivered\n")
        assert [one.msgtype for one in channel.accepted] == ["text"]


async def test_a_message_that_dingtalk_finds_too_long_is_cut_further(tmp_path: Path) -> None:
    many = [alert(fingerprint=str(n), dispenser=f"d{n}", annotations={"description": "x" * 900}) for n in range(40)]
    async with running_channel(tmp_path) as channel:
        channel.break_cloud("errcode", count=1, errcode=460101)
        assert await channel.post(body(*many)) == (200, "delivered\n")
        first, second = channel.stand_in.cloud.received
        assert len(second.text.encode()) <= len(first.text.encode()) / 2 + 200
        assert "more: [all in Alertmanager]" in second.text


async def test_the_rate_limit_is_never_run_into(tmp_path: Path) -> None:
    async with running_channel(tmp_path, rate_limit={"messages": 3, "per": "60s"}) as channel:
        answers = [await channel.post(body(group=str(number))) for number in range(6)]
        assert [status for status, _ in answers] == [200, 200, 200, 503, 503, 503]
        assert len(channel.stand_in.cloud.received) == 3, "DingTalk is not asked for what it would refuse"


async def test_a_muted_robot_is_left_alone_until_the_mute_ends(tmp_path: Path) -> None:
    async with running_channel(tmp_path, rate_limit={"mute": "1s"}) as channel:
        channel.break_cloud("errcode", count=1, errcode=130101)
        assert (await channel.post(body()))[0] == 503
        assert (await channel.post(body()))[0] == 503
        assert len(channel.stand_in.cloud.received) == 1
        await asyncio.sleep(1)
        assert (await channel.post(body()))[0] == 200


async def test_wrong_requests_are_answered_with_what_would_be_right(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        assert await channel.post(body(), robot="opps") == (404, "no robot has this name; the robots are: ops\n")
        for wrong in (b"not json", b"{}", json.dumps(payload() | {"version": "3"}).encode()):
            assert (await channel.post(wrong))[0] == 400
        assert (await channel.post(b"x" * (33 * 1024**2)))[0] == 413
        assert channel.stand_in.cloud.received == []


async def test_thousands_of_alerts_become_one_message_that_counts_them(tmp_path: Path) -> None:
    many = [alert(fingerprint=str(n), dispenser=f"d{n}") for n in range(5000)]
    async with running_channel(tmp_path) as channel:
        assert (await channel.post(body(*many)))[0] == 200
        (one,) = channel.accepted
    assert "x5000" in one.title
    assert "more: [all in Alertmanager]" in one.text


async def test_a_slow_robot_delays_no_other(tmp_path: Path) -> None:
    async with running_channel(tmp_path, answer_within="2s") as channel:
        text = channel.settings.read_text(encoding="utf-8")
        channel.settings.write_text(
            text.replace("robots:", "robots:\n  dead: {url: 'http://127.0.0.1:1/x', access_token_file: ./ops.token}"),
            encoding="utf-8",
        )
        async with channel.session.post(f"{channel.bridge_url}/-/reload") as answer:
            assert answer.status == 200
        channel.break_cloud("hang")
        slow = asyncio.create_task(channel.post(body()))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        assert (await channel.post(body(), robot="dead"))[0] == 503
        assert time.monotonic() - started < 3
        assert (await slow)[0] == 503


async def test_a_reload_takes_a_new_secret_and_a_bad_file_keeps_the_old(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        (tmp_path / "ops.secret").write_text("SECwrong", encoding="utf-8")
        async with channel.session.post(f"{channel.bridge_url}/-/reload") as answer:
            assert answer.status == 200
        status, text = await channel.post(body())
        assert (status, text.split(":")[0]) == (503, "refused")
        (tmp_path / "ops.secret").write_text(SECRET, encoding="utf-8")
        async with channel.session.post(f"{channel.bridge_url}/-/reload") as answer:
            assert answer.status == 200
        (tmp_path / "ops.token").unlink()
        async with channel.session.post(f"{channel.bridge_url}/-/reload") as answer:
            assert answer.status == 500
            assert "robots.ops.access_token_file: the secret's file" in await answer.text()
        assert (await channel.post(body()))[0] == 200


async def test_no_failure_shows_a_token_or_a_secret(tmp_path: Path) -> None:
    """Every failure path, through answers, metrics and the log of a real process."""
    settings = write_settings(tmp_path, "http://127.0.0.1:1/robot/send", timeout="100ms")
    async with (
        running_channel(tmp_path, answer_within="100ms") as channel,
        running(tmp_path, "dingtalk", f"--config.file={settings}") as bridge,
    ):
        seen = []
        for kind in ("hang", "reset", "http500", "ban", "missing_errcode", "errcode"):
            channel.break_cloud(kind)
            seen.append((await bridge.post("/dingtalk/ops", data=body()))[1])
        seen += [await bridge.metrics(), (await bridge.get("/"))[1], bridge.log.read_text(encoding="utf-8")]
        settings.write_text("robots: {ops: {access_token_file: ./ops.token, secret: SEC}}", encoding="utf-8")
        seen.append((await bridge.post("/-/reload"))[1])
    everything = "\n".join([*seen, bridge.log.read_text(encoding="utf-8")])
    assert "notification.not_delivered" in everything
    assert TOKEN not in everything
    assert SECRET not in everything


async def test_the_bridge_without_settings_says_what_it_needs() -> None:
    status, _, err = await run_to_end("dingtalk")
    assert (status, "--config.file=FILE is needed" in err) == (2, True)
