"""The bridge notices what does not come, and what did not arrive."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from alerting.dingtalk.alertmanager import silence
from laboratory.notifications import alert, body
from tapwatch.web import free_port
from tests.integration.dingtalk.alertmanager import alertmanager, raise_alert, receiver
from tests.integration.dingtalk.channel import Channel, ledger, replica, running_channel, until

WATCHDOG = {"watchdogs": {"main": {"within": "3s", "tell": ["ops"]}}}


async def until_metric(channel: Channel, line: str) -> None:
    for _ in range(400):
        if line in await channel.metrics():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{line} is never there")


async def beat(channel: Channel, name: str = "main", status: str = "firing") -> tuple[int, str]:
    url = f"{channel.bridge_url}/watchdog/{name}"
    async with channel.session.post(url, data=body(alert("Watchdog", status, severity="info"))) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "memory"])
async def test_the_bridge_says_when_a_real_alertmanager_stops_and_when_it_is_back(
    tmp_path: Path, *, stored: bool
) -> None:
    settings = WATCHDOG | ({"outbox": f"sqlite:///{tmp_path}/outbox.db"} if stored else {})
    async with running_channel(tmp_path, settings=settings) as channel:
        port, watchdog = free_port(), receiver("watchdog", f"{channel.bridge_url}/watchdog/main")
        route = {"repeat_interval": "1s", "receiver": "watchdog"}
        async with alertmanager(tmp_path, channel.bridge_url, route=route, receivers=[watchdog], port=port) as url:
            await raise_alert(channel.session, url, "Watchdog", severity="info")
            await until_metric(channel, 'tapwatch_watchdog_silent{watchdog="main"} 0.0')
            await asyncio.sleep(4)
            assert channel.accepted == [], "as long as it comes, nothing is said"
        await until(lambda: len(channel.accepted) == 1)
        await until_metric(channel, 'tapwatch_watchdog_silent{watchdog="main"} 1.0')
        async with alertmanager(tmp_path, channel.bridge_url, route=route, receivers=[watchdog], port=port) as url:
            await raise_alert(channel.session, url, "Watchdog", severity="info")
            await until(lambda: len(channel.accepted) == 2)
            await until_metric(channel, 'tapwatch_watchdog_silent{watchdog="main"} 0.0')
    silent, back = (one.message.title for one in channel.accepted)
    assert silent == "Tapwatch 🔴 Critical: Alertmanager has fallen silent: watchdog main does not come"
    assert back == "Tapwatch ✅ Resolved: Alertmanager has fallen silent: watchdog main does not come"


async def test_two_replicas_share_what_they_hear_and_say_it_once(tmp_path: Path, outbox: str) -> None:
    settings = {"watchdogs": {"main": {"within": "2s", "tell": ["ops"]}}, "outbox": outbox}
    async with (
        running_channel(tmp_path, settings=settings) as one,
        replica(one.settings, one.stand_in) as other,
    ):
        for _ in range(10):
            assert await beat(one) == (200, "heard\n")
            await asyncio.sleep(0.25)
        assert one.accepted == [], "the other has heard nothing itself"
        await until(lambda: len(one.accepted) >= 1)
        await asyncio.sleep(1)
        for _ in range(6):
            await beat(other)
            await asyncio.sleep(0.25)
    assert len(one.accepted) == 2


async def test_only_a_firing_watchdog_with_a_known_name_counts(tmp_path: Path) -> None:
    async with running_channel(tmp_path, settings=WATCHDOG) as channel:
        assert await beat(channel, "other") == (404, "no watchdog has this name; there are: main\n")
        async with channel.session.post(f"{channel.bridge_url}/watchdog/main", data=b"beat") as answer:
            assert answer.status == 400
        before = [line for line in (await channel.metrics()).splitlines() if "watchdog_last_heard" in line]
        assert await beat(channel, status="resolved") == (200, "heard\n")
        await asyncio.sleep(1.2)
        after = [line for line in (await channel.metrics()).splitlines() if "watchdog_last_heard" in line]
    assert before == after


async def test_an_alert_that_was_never_delivered_is_told_by_another_robot(tmp_path: Path) -> None:
    """Alertmanager's route leads past the bridge: nobody else would notice."""
    outbox, port = f"sqlite:///{tmp_path}/outbox.db", free_port()
    reconcile = {"receivers": "lost", "after": "2s", "every": "500ms", "tell": ["second"]}
    settings = {"outbox": outbox, "alertmanagers": [f"http://127.0.0.1:{port}"], "reconcile": reconcile}
    nowhere = receiver("lost", "http://127.0.0.1:1/dingtalk/ops")
    async with running_channel(tmp_path, settings=settings, robots=["second"]) as channel:
        route = {"receiver": "lost"}
        async with alertmanager(tmp_path, channel.bridge_url, route=route, receivers=[nowhere], port=port) as url:
            await raise_alert(channel.session, url, "DispenserLeak")
            await until(lambda: len(channel.of("second")) == 1)
            await until_metric(channel, 'tapwatch_undelivered_alerts{severity="critical"} 1.0')
            await asyncio.sleep(2)
            await raise_alert(channel.session, url, "DispenserLeak", resolved=True)
            await until_metric(channel, 'tapwatch_undelivered_alerts{severity="critical"} 0.0')
    (one,) = channel.accepted
    assert one.message.title == "Tapwatch 🔴 Critical: Fired, never delivered: A dispenser leaks · lib-1f-east"


async def test_what_arrived_or_is_silenced_raises_nothing(tmp_path: Path) -> None:
    outbox, port = f"sqlite:///{tmp_path}/outbox.db", free_port()
    reconcile = {"receivers": "ops|lost", "after": "1s", "every": "200ms", "tell": ["second"]}
    settings = {"outbox": outbox, "alertmanagers": [f"http://127.0.0.1:{port}"], "reconcile": reconcile}
    nowhere = receiver("lost", "http://127.0.0.1:1/dingtalk/ops")
    lost = {"receiver": "lost", "matchers": ["alertname = Silenced"]}
    async with (
        running_channel(tmp_path, settings=settings, robots=["second"]) as channel,
        alertmanager(tmp_path, channel.bridge_url, route={"routes": [lost]}, receivers=[nowhere], port=port) as url,
    ):
        await _silence(channel.session, url, "Silenced")
        await raise_alert(channel.session, url, "Silenced")
        await raise_alert(channel.session, url, "Delivered")
        await until(lambda: len(channel.of("ops")) == 1)
        await asyncio.sleep(3)
        assert 'tapwatch_undelivered_alerts{severity="critical"} 0.0' in await channel.metrics()
        assert channel.of("second") == []


async def test_what_was_delivered_while_the_store_was_broken_counts_as_delivered(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        await channel.post(body(group="first"))
        await until(lambda: ledger(outbox, "SELECT state FROM notification") == [("delivered",)])
        with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as intruder:
            intruder.execute("BEGIN IMMEDIATE")
            assert (await channel.post(body(group="second")))[1] == "delivered\n"
        await until(lambda: ledger(outbox, "SELECT state FROM notification") == [("delivered",), ("delivered",)])
        await asyncio.sleep(1)
    assert len(channel.accepted) == 2


async def _silence(session: aiohttp.ClientSession, url: str, name: str) -> None:
    now = datetime.now(UTC)
    period = (now, now + timedelta(hours=1))
    assert await silence(session, [url], {"alertname": name}, period, ("a test", "for a while"))


async def test_a_bridge_says_since_when_it_compares_until_it_is_told_not_to(tmp_path: Path) -> None:
    """While no Alertmanager answers nothing is compared: people must know, and not read that it was in 1970."""
    outbox, port = f"sqlite:///{tmp_path}/outbox.db", free_port()
    settings = {"outbox": outbox, "alertmanagers": [f"http://127.0.0.1:{port}"], "reconcile": {"every": "200ms"}}
    async with running_channel(tmp_path, settings=settings) as channel:
        (since,) = await comparison_times(channel)
        assert since.startswith("tapwatch_reconciling_since_timestamp_seconds 1.")
        async with alertmanager(tmp_path, channel.bridge_url, port=port):
            await until_metric(channel, "\ntapwatch_reconciled_timestamp_seconds 1.")
            assert since in await comparison_times(channel)
            channel.change_settings("reconcile:\n  every: 200ms\n", "")
            assert (await channel.reload())[0] == 200
            assert await comparison_times(channel) == []


async def comparison_times(channel: Channel) -> list[str]:
    """The lines that say when something was compared."""
    return [line for line in (await channel.metrics()).splitlines() if line.startswith("tapwatch_reconcil")]
