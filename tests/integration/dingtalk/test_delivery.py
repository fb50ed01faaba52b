"""From the outbox to DingTalk: what each answer leads to, who stands in, and what a storm becomes."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.errcode import MEANINGS
from alerting.dingtalk.outlet import BAN_SECONDS
from alerting.dingtalk.sender import MENDING_SECONDS
from alerting.dingtalk.standin.cloud import LARGEST_BODY
from laboratory.notifications import alert, body
from tapwatch.errors import DeliveryReason
from tests.integration.dingtalk.channel import ledger, running_channel, until

ROBOT = "SELECT blocked_reason, blocked_until FROM robot WHERE name = 'ops'"
NOTIFICATIONS = "SELECT state, reason FROM notification ORDER BY id"
MUTE_SECONDS = 600.0


def news(number: int, severity: str = "critical", site: str = "main-campus", alerts: int = 1) -> bytes:
    name = f"Alert{number % 7}"
    return body(
        *(
            alert(name, fingerprint=f"{number}-{one}", dispenser=f"d{number}-{one}", severity=severity, site=site)
            for one in range(alerts)
        ),
        group=f"g{number}",
    )


def store(folder: Path) -> str:
    return f"sqlite:///{folder}/outbox.db"


ASKED_AGAIN = {DeliveryReason.BUSY}
REWRITTEN = {DeliveryReason.TOO_LONG, DeliveryReason.BAD_MESSAGE}
PAUSED = {DeliveryReason.RATE_LIMITED: MUTE_SECONDS}


@pytest.mark.parametrize("errcode", sorted(MEANINGS))
async def test_every_errcode_has_its_action(tmp_path: Path, errcode: int) -> None:
    """Asked again at once, written otherwise at once, or the robot left alone for as long as it takes."""
    reason, outbox = MEANINGS[errcode].reason, store(tmp_path)
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("errcode", count=1, errcode=errcode)
        assert (await channel.post(body()))[0] == 200
        if reason in ASKED_AGAIN | REWRITTEN:
            await until(lambda: len(channel.accepted) == 1)
            first, second = (one.message for one in channel.received)
            assert (first.message_id == second.message_id) == (reason in ASKED_AGAIN)
        else:
            await until(lambda: ledger(outbox, ROBOT)[0][0] == reason)
            (_, blocked_until), *_ = ledger(outbox, ROBOT)
            left = float(str(blocked_until)) - time.time()
            assert left == pytest.approx(PAUSED.get(reason, MENDING_SECONDS), abs=5)
            assert ledger(outbox, NOTIFICATIONS) == [("waiting", reason)]
            assert len(channel.received) == 1
        metrics = await channel.metrics()
    assert f'tapwatch_messages_total{{result="{reason}",robot="ops"}} 1.0' in metrics


@pytest.mark.parametrize("kind", ["ban", "ban_page"])
async def test_after_a_ban_no_robot_calls_for_its_time(tmp_path: Path, kind: str) -> None:
    outbox = store(tmp_path)
    async with running_channel(tmp_path, settings={"outbox": outbox}, robots=["second"], pool=["second"]) as channel:
        channel.break_cloud(kind)
        assert (await channel.post(body()))[0] == 200
        await until(lambda: ledger(outbox, ROBOT)[0][0] == "banned")
        blocked = ledger(outbox, "SELECT blocked_until FROM robot ORDER BY name")
        assert all(float(str(until_)) - time.time() == pytest.approx(BAN_SECONDS, abs=5) for (until_,) in blocked)
        assert len(channel.received) == 1, "the ban is of our address"


async def test_what_dingtalk_refuses_in_every_form_is_given_up_and_said_so(tmp_path: Path) -> None:
    outbox = store(tmp_path)
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("errcode", errcode=430102)
        assert (await channel.post(news(1)))[0] == 200
        await until(lambda: ledger(outbox, NOTIFICATIONS) == [("failed", "bad_message")])
        channel.mend_cloud()
        assert (await channel.post(news(2)))[0] == 200
        await until(lambda: len(channel.accepted) == 1)
    assert [one.message.kind for one in channel.received] == ["markdown", "text", "text", "markdown"]


OTHERS_STAND_IN = sorted(code for code, meaning in MEANINGS.items() if meaning.reason not in REWRITTEN)


@pytest.mark.parametrize("errcode", OTHERS_STAND_IN)
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "direct"])
async def test_the_next_robot_of_the_pool_stands_in(tmp_path: Path, errcode: int, *, stored: bool) -> None:
    settings = {"outbox": store(tmp_path)} if stored else {}
    async with running_channel(
        tmp_path, settings=settings, robots=["second", "third"], pool=["second", "third"]
    ) as channel:
        channel.break_cloud("errcode", errcode=errcode, robot="ops")
        assert (await channel.post(body()))[0] == 200
        await until(lambda: len(channel.accepted) == 1)
        assert [one.robot for one in channel.accepted] == ["second"]


async def test_a_robot_nobody_reaches_hands_over_to_the_next(tmp_path: Path) -> None:
    outbox = store(tmp_path)
    async with running_channel(tmp_path, settings={"outbox": outbox}, robots=["second"], pool=["second"]) as channel:
        text = channel.settings.read_text(encoding="utf-8")
        first, second = text.split("  second:")
        dead = re.sub(r"url: \S+", "url: http://127.0.0.1:1/robot/send", first)
        channel.settings.write_text(f"{dead}  second:{second}", encoding="utf-8")
        assert (await channel.reload())[0] == 200
        assert (await channel.post(body()))[0] == 200
        await until(lambda: len(channel.of("second")) == 1)


async def test_a_message_that_may_have_arrived_waits_for_its_robot_and_then_for_no_longer(tmp_path: Path) -> None:
    """Rather twice than late."""
    outbox, moved = store(tmp_path), [0.0]
    clocks = Clocks(unix=lambda: time.time() + moved[0])
    async with running_channel(
        tmp_path, clocks, settings={"outbox": outbox}, robots=["second"], pool=["second"]
    ) as channel:
        channel.break_cloud("http500", robot="ops")
        assert (await channel.post(body()))[0] == 200
        await until(lambda: len(channel.received) >= 2)
        assert channel.of("second") == []
        moved[0] = 12.0  # more would skip the pauses between tries, in one of which the other robot takes it
        await until(lambda: len(channel.of("second")) == 1)
    assert len({one.message.message_id for one in channel.received if one.robot == "ops"}) == 1


async def test_a_storm_of_a_thousand_alerts_is_told_in_a_handful_of_messages(tmp_path: Path, outbox: str) -> None:
    """200 groups of 5 alerts, one in ten critical, all at once: within the minute, and each accounted for."""
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        started = time.time()
        answers = await asyncio.gather(
            *(
                channel.post(news(number, "warning" if number % 10 else "critical", f"site-{number % 5}", alerts=5))
                for number in range(200)
            )
        )
        assert set(answers) == {(200, "stored\n")}
        await until(lambda: ledger(outbox, "SELECT count(*) FROM notification WHERE state = 'waiting'") == [(0,)])
        last = max(one.time for one in channel.accepted)
    assert last - started < 120  # some 7 s on an idle machine: bench/README.md
    assert len(channel.accepted) <= 20
    assert all(one.verdict.errcode == 0 for one in channel.received)
    assert all(one.size <= LARGEST_BODY for one in channel.accepted)
    accounted = "SELECT count(*) FROM alert JOIN message ON message.id = message_id WHERE message.state = 'delivered'"
    assert ledger(outbox, accounted) == [(1000,)]
    critical = [number for number, one in enumerate(channel.accepted) if "🔴" in one.message.text]
    digests = [one.message.text for one in channel.accepted if "gathered" in one.message.title]
    assert critical[0] == 0
    assert any(f"site-{site} · " in text for text in digests for site in range(5))


async def test_good_news_and_bad_of_the_same_thing_in_one_digest_is_told_in_its_last_state(tmp_path: Path) -> None:
    outbox = store(tmp_path)
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("errcode", count=1, errcode=300001)
        await channel.post(news(0))
        await until(lambda: ledger(outbox, ROBOT)[0][0] == "bad_token")
        for number in range(30):
            await channel.post(news(number))
            resolved = alert(f"Alert{number % 7}", "resolved", fingerprint=f"{number}-0", dispenser=f"d{number}-0")
            await channel.post(body(resolved, group=f"g{number}"))
        with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as person:
            person.execute("UPDATE robot SET blocked_until = 0")
        await until(lambda: ledger(outbox, "SELECT count(*) FROM notification WHERE state = 'waiting'") == [(0,)])
    assert all("🔴" not in one.message.text for one in channel.accepted)
    assert any("30 resolved" in one.message.text for one in channel.accepted)
