"""What is confirmed to Alertmanager is safe: it arrives once, through restarts, replicas and broken stores."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.ledger import SAME_NEWS_SECONDS
from alerting.dingtalk.outlet import WITHOUT_STORE
from laboratory.notifications import alert, body
from laboratory.processes import running
from laboratory.servers.postgresql import PostgreSQL
from tests.integration.dingtalk.channel import Channel, ledger, replica, running_channel, until, write_settings

STATES = "SELECT state, count(*) FROM notification GROUP BY state ORDER BY state"


def news(number: int, severity: str = "critical") -> bytes:
    return body(alert(fingerprint=f"f{number}", dispenser=f"d{number:04}", severity=severity), group=f"g{number}")


class Clock:
    """Unix time that a test moves."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def test_a_notification_is_confirmed_when_it_is_stored_and_arrives(tmp_path: Path, outbox: str) -> None:
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        assert await channel.post(body()) == (200, "stored\n")
        await until(lambda: len(channel.accepted) == 1)
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        metrics = await channel.metrics()
    assert 'tapwatch_notifications_stored_total{news="new",robot="ops"} 1.0' in metrics
    assert 'tapwatch_notifications_total{result="delivered",robot="ops"} 1.0' in metrics
    assert 'tapwatch_delivery_age_seconds_count{robot="ops",severity="critical"} 1.0' in metrics
    assert ledger(outbox, "SELECT count(*) FROM alert WHERE message_id IS NULL") == [(0,)]


async def test_what_is_stored_survives_kill_9_and_arrives_once(tmp_path: Path, outbox: str) -> None:
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        await _stop_sending(channel)
        channel.break_cloud("lost_answer")
        async with running(tmp_path, "dingtalk", f"--config.file={channel.settings}") as bridge:
            assert (await bridge.post("/dingtalk/ops", data=body()))[1] == "stored\n"
            await until(lambda: len(channel.received) >= 1)
            bridge.process.kill()
            await bridge.process.wait()
        channel.mend_cloud()
        async with running(tmp_path, "dingtalk", f"--config.file={channel.settings}"):
            await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        assert len(channel.accepted) == 1
        assert any(one.repeated for one in channel.received), "nobody could know, so it was sent again under one id"


async def _stop_sending(channel: Channel) -> None:
    """Leave the work to another process: this one's robot is renamed."""
    text = channel.change_settings("  ops:", "  other:")
    assert (await channel.reload())[0] == 200
    channel.settings.write_text(text, encoding="utf-8")


async def _until_metric(channel: Channel, line: str) -> None:
    for _ in range(200):
        if line in await channel.metrics():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{line} is never there")


async def test_a_copy_is_told_once_and_a_reminder_again(tmp_path: Path, outbox: str) -> None:
    clock = Clock()
    async with running_channel(tmp_path, Clocks(unix=clock), settings={"outbox": outbox}) as channel:
        assert await channel.post(body()) == (200, "stored\n")
        assert await channel.post(body()) == (200, "stored before\n")
        await until(lambda: ledger(outbox, "SELECT 1 FROM notification WHERE confirmed_at IS NOT NULL") == [(1,)])
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        clock.ahead += SAME_NEWS_SECONDS + 1
        assert await channel.post(body()) == (200, "stored\n")
        await until(lambda: len(channel.accepted) == 2)
        await until(lambda: ledger(outbox, STATES) == [("delivered", 2)])
    assert not any(one.repeated for one in channel.received), "DingTalk must not take the reminder for a repetition"


async def test_of_a_message_with_an_uncertain_end_one_copy_is_seen(tmp_path: Path, outbox: str) -> None:
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("lost_answer", count=3)
        assert (await channel.post(body()))[0] == 200
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
    assert len(channel.accepted) == 1
    assert len(channel.received) == 4


async def test_two_replicas_share_one_outbox_and_one_rate_limit(tmp_path: Path, postgresql: PostgreSQL) -> None:
    """Each alert is told once, and DingTalk is never asked more than it allows."""
    outbox = postgresql.create_database("shared")
    async with (
        running_channel(tmp_path, settings={"outbox": outbox}) as one,
        replica(one.settings, one.stand_in) as other,
    ):
        answers = await asyncio.gather(*((one, other)[number % 2].post(news(number)) for number in range(60)))
        assert {status for status, _ in answers} == {200}
        await until(lambda: ledger(outbox, STATES) == [("delivered", 60)])
        texts = "\n".join(one.message.text for one in one.accepted)
    assert all(one.verdict.errcode == 0 for one in one.received)
    assert not any(one.repeated for one in one.received)
    assert len(one.accepted) <= 15
    told = ledger(
        outbox, "SELECT count(*) FROM alert JOIN message ON message.id = message_id WHERE state = 'delivered'"
    )
    assert told == [(60,)]
    assert "d0000" in texts


async def test_the_same_news_brought_to_both_replicas_at_once_is_told_once(tmp_path: Path, outbox: str) -> None:
    async with (
        running_channel(tmp_path, settings={"outbox": outbox}) as one,
        replica(one.settings, one.stand_in) as other,
    ):
        for number in range(5):
            answers = await asyncio.gather(one.post(news(number)), other.post(news(number)))
            assert {status for status, _ in answers} == {200}
        await until(lambda: ledger(outbox, STATES) == [("delivered", 5)])
    assert len(one.accepted) == 5


@pytest.mark.parametrize("robots", [[], ["night"]])
async def test_a_replica_that_does_not_reach_dingtalk_leaves_the_line_to_one_that_does(
    tmp_path: Path, postgresql: PostgreSQL, robots: list[str]
) -> None:
    outbox = postgresql.create_database(f"cut-{len(robots)}")
    pool: dict[str, Any] = {"pool": robots} if robots else {}
    async with running_channel(tmp_path, settings={"outbox": outbox}, robots=robots, **pool) as healthy:
        (tmp_path / "cut").mkdir()
        nowhere = "http://127.0.0.1:1/robot/send"
        settings = write_settings(tmp_path / "cut", nowhere, robot=pool, robots=robots, outbox=outbox)
        async with replica(settings, healthy.stand_in) as cut:
            for number in range(3):
                assert (await cut.post(news(number)))[1] == "stored\n"
            await until(lambda: ledger(outbox, STATES) == [("delivered", 3)])
    assert len(healthy.accepted) == 3


async def test_while_postgresql_hangs_alerts_arrive_directly(tmp_path: Path, postgresql: PostgreSQL) -> None:
    outbox = postgresql.create_database("hangs")
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        assert (await channel.post(news(1)))[1] == "stored\n"
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        postgresql.pause()
        try:
            for number in (2, 3):
                assert (await channel.post(news(number)))[1] == "delivered\n"
            await _until_metric(channel, "tapwatch_outbox_up 0.0")
        finally:
            postgresql.resume()
        assert (await channel.post(news(3)))[1] == "delivered before\n", "the other Alertmanager's copy"
        posted = 3
        for posted in range(4, 100):
            if (await channel.post(news(posted)))[1].startswith("stored"):
                break
            await asyncio.sleep(1)
        await until(lambda: ledger(outbox, STATES) == [("delivered", posted)])
    assert len(channel.accepted) == posted
    assert len({one.message.text for one in channel.accepted}) == posted


async def test_news_that_is_stored_already_waits_a_moment_for_a_store_that_comes_back(tmp_path: Path) -> None:
    """As after a network failure: Alertmanager is there first, with what another replica has told meanwhile."""
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with (
        running_channel(tmp_path, settings={"outbox": outbox}) as one,
        replica(one.settings, one.stand_in) as other,
    ):
        assert (await one.post(news(1)))[1] == "stored\n"
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            await _until_metric(other, "tapwatch_outbox_up 0.0")
            copy = asyncio.create_task(other.post(news(1)))
            await asyncio.sleep(0.3)
        assert await copy == (200, "stored before\n")
    assert len(one.accepted) == 1


async def test_calls_without_the_store_are_few_and_count_when_it_is_back(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """Two replicas that know nothing of each other stay within DingTalk's limit: over it, the robot is muted."""
    outbox = postgresql.create_database("apart")
    async with (
        running_channel(tmp_path, settings={"outbox": outbox}) as one,
        replica(one.settings, one.stand_in) as other,
    ):
        assert (await one.post(news(0)))[1] == "stored\n"
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        postgresql.pause()
        try:
            first = await asyncio.gather(one.post(news(1)), other.post(news(2)))
            assert [text for _, text in first] == ["delivered\n"] * 2
            answers = [await (one, other)[number % 2].post(news(number)) for number in range(3, 21)]
        finally:
            postgresql.resume()
        assert len([text for _, text in answers if text == "delivered\n"]) == 2 * (20 // WITHOUT_STORE - 1)
        assert "without the store" in next(text for status, text in answers if status == 503)
        told = len(one.accepted)
        await until(lambda: ledger(outbox, "SELECT count(*) FROM call") == [(told,)], "that all calls are counted")
    assert all(one.verdict.errcode == 0 for one in one.received)


async def test_good_news_leaves_calls_for_critical_news_without_the_store(tmp_path: Path) -> None:
    outbox = "postgresql+psycopg://tapwatch@127.0.0.1:1/none"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        harmless = [(await channel.post(news(number, "warning")))[1] for number in range(6)]
        critical = [(await channel.post(news(number)))[1] for number in range(10, 16)]
    assert harmless[:2] == ["delivered\n"] * 2
    assert all("2 messages in 60 s are used up, 4 more are for critical news" in text for text in harmless[2:])
    assert critical[:4] == ["delivered\n"] * 4
    assert all("without the store 6 messages in 60 s are used up" in text for text in critical[4:])


async def test_a_store_that_is_back_is_used_at_once_whatever_was_sent_without_it(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    outbox = postgresql.create_database("back")
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        assert (await channel.post(news(0)))[1] == "stored\n"
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        postgresql.pause()
        try:
            answers = [await channel.post(news(number)) for number in range(1, 9)]
        finally:
            postgresql.resume()
        assert answers[-1][0] == 503
        await _until_metric(channel, "tapwatch_outbox_up 1.0")
        assert (await channel.post(news(8)))[0] == 200
        await until(lambda: channel.accepted[-1].message.text.count("d0008") > 0, "that it is told within seconds")


async def test_a_bridge_whose_postgresql_hangs_ends_in_time(tmp_path: Path, postgresql: PostgreSQL) -> None:
    outbox = postgresql.create_database("ends")
    async with (
        running_channel(tmp_path, settings={"outbox": outbox}) as channel,
        running(tmp_path, "dingtalk", f"--config.file={channel.settings}") as bridge,
    ):
        assert (await bridge.post("/dingtalk/ops", data=news(1)))[0] == 200
        postgresql.pause()
        try:
            assert (await bridge.post("/dingtalk/ops", data=news(2)))[0] == 200
            bridge.process.terminate()
            assert await asyncio.wait_for(bridge.process.wait(), 20) == 0
        finally:
            postgresql.resume()


async def test_a_postgresql_that_never_answers_silences_nothing(tmp_path: Path) -> None:
    outbox = "postgresql+psycopg://tapwatch@127.0.0.1:1/none"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        assert await channel.post(body()) == (200, "delivered\n")
        channel.break_cloud("errcode", errcode=300001)
        status, text = await channel.post(news(2))
        assert (status, text.partition(":")[0]) == (503, "bad_token"), "without a store DingTalk's answer counts"
    assert len(channel.accepted) == 1


async def test_while_sqlite_is_locked_alerts_arrive_directly(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        assert (await channel.post(news(1)))[1] == "stored\n"
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            assert (await channel.post(news(2)))[1] == "delivered\n"
        await until(lambda: len(channel.accepted) == 2)


async def test_what_was_promised_arrives_though_the_store_breaks_before_it_is_sent(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("http500")
        assert (await channel.post(news(1)))[1] == "stored\n"
        await until(lambda: len(channel.received) >= 1)
        with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            channel.mend_cloud()
            await until(lambda: len(channel.accepted) == 1)
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        await asyncio.sleep(2)
    assert len(channel.accepted) == 1


@pytest.mark.parametrize("content", [b"not a database, and longer than the sixteen bytes of its header" * 50])
async def test_a_file_that_is_no_database_silences_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "outbox.db").write_bytes(content)
    async with running_channel(tmp_path, settings={"outbox": f"sqlite:///{tmp_path}/outbox.db"}) as channel:
        assert await channel.post(body()) == (200, "delivered\n")


async def test_a_notification_takes_a_moment_when_nothing_is_in_its_way(tmp_path: Path, outbox: str) -> None:
    """Not a figure, which the benchmark has: only that no second of waiting is built in."""
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        assert (await channel.post(news(0)))[0] == 200
        await until(lambda: len(channel.accepted) == 1)
        took = []
        for number in range(1, 4):
            started = time.perf_counter()
            await channel.post(news(number))
            await until(lambda number=number: len(channel.accepted) == number + 1)  # type: ignore[misc]  # a default
            took.append(time.perf_counter() - started)
    assert min(took) < 0.5
