"""A bad day, hurried: two Alertmanagers, two bridges killed in turn, and a DingTalk that fails every tenth call."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click

from alerting.dingtalk.settings import RateLimit
from alerting.dingtalk.standin.faults import Fault, Kind
from bench.bridge import (
    Chat,
    Store,
    alert,
    running_alertmanagers,
    running_bridge,
    running_chat,
    send,
    write_settings,
)
from bench.process import Process
from bench.run import Part, Run, figures_table
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table
from tapwatch.web import free_port

_DAY_SECONDS = 86400.0
_FAULTS = (Kind.HTTP500, Kind.LOST_ANSWER, Kind.RESET, Kind.BUSY, Kind.MISSING_ERRCODE)
_SHARE = 0.1
_DOWN_SECONDS = 1.0
_LAST_SECONDS = 90.0
"""What is left after the day gets so long."""
_TOLD = """
SELECT alert.fingerprint, alert.firing, count(DISTINCT message.id) FROM alert
JOIN message ON message.id = alert.message_id WHERE message.state = 'delivered' GROUP BY alert.fingerprint, alert.firing
"""


@dataclass(frozen=True)
class _Day:
    alertmanager: Path
    outbox: str
    factor: float
    alerts: int
    kill_seconds: float


@click.command("day")
@click.option("--factor", default=240.0, show_default=True, help="How many times as fast the day passes.")
@click.option("--alerts", default=600, show_default=True, help="That fire and resolve during the day.")
@click.option("--kill-seconds", default=15.0, show_default=True, help="Between two kills of a bridge, in real time.")
@click.option("--outbox", default="", help="A shared store; a file of SQLite's unless given.")
@click.pass_obj
def command(run: Run, factor: float, alerts: int, kill_seconds: float, outbox: str) -> None:
    """24 hours in a hurry, with everything failing now and then: what is lost, and what is told twice."""
    if run.alertmanager is None:
        raise TapwatchError("the part day needs --alertmanager")
    with run.part("day") as part:
        store = outbox or f"sqlite:///{part.folder}/outbox.db"
        asyncio.run(_measure(part, _Day(run.alertmanager, store, factor, alerts, kill_seconds)))


async def _measure(part: Part, day: _Day) -> None:
    limit = RateLimit(messages=20, per=f"{60_000 / day.factor:.0f}ms", mute=f"{600_000 / day.factor:.0f}ms")
    async with running_chat(part.folder, limit) as chat, AsyncExitStack() as stack:
        settings = write_settings(part.folder / "dingtalk.yaml", chat.url, limit, day.outbox)
        ports = [free_port(), free_port()]
        route = {
            "group_by": ["alertname", "dispenser"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "4h",
        }
        bridges = [f"http://127.0.0.1:{port}" for port in ports]
        kills = [_Kept(settings, port) for port in ports]
        for one in kills:
            stack.push_async_callback(one.stop)
        await asyncio.gather(*(one.ready.wait() for one in kills))
        urls = await stack.enter_async_context(running_alertmanagers(day.alertmanager, part.folder, bridges, route))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        part.tell(f"{day.alerts} alerts in {_DAY_SECONDS / day.factor:.0f} s")
        trouble = asyncio.create_task(_trouble(chat, kills, day.kill_seconds))
        await _live(session, urls, day)
        trouble.cancel()
        chat.stand_in.fault = None
        await asyncio.sleep(30)  # Alertmanager's last tries
        store = Store(day.outbox)
        empty = await store.until_empty(_LAST_SECONDS)
        told = {(str(one), bool(firing)): int(str(count)) for one, firing, count in store.rows(_TOLD)}
        _print(chat, store, told, day, empty=empty, kills=sum(one.kills for one in kills))


class _Kept:
    """A bridge that is started again whenever it has been killed."""

    def __init__(self, settings: Path, port: int) -> None:
        self.kills = 0
        self.ready = asyncio.Event()
        self._process: Process | None = None
        self._task = asyncio.create_task(self._run(settings, port))

    async def _run(self, settings: Path, port: int) -> None:
        while True:
            async with running_bridge(settings, port) as (_, process):
                self._process = process
                self.ready.set()
                while process.handle.is_running():  # noqa: ASYNC110 - the operating system has no event for it
                    await asyncio.sleep(0.1)
            await asyncio.sleep(_DOWN_SECONDS)

    def kill(self) -> None:
        """Without a farewell."""
        if self._process is not None and self._process.handle.is_running():
            self.kills += 1
            self._process.handle.kill()

    async def stop(self) -> None:
        """For good."""
        self._task.cancel()
        await asyncio.wait([self._task])


async def _trouble(chat: Chat, bridges: list[_Kept], kill_seconds: float) -> None:
    """A tenth of the calls fails, each second in another way; the bridges are killed in turn."""
    turn, killed_at = 0, time.monotonic()
    while True:
        chat.stand_in.fault = Fault(random.choice(_FAULTS), share=_SHARE)  # noqa: S311 - no secret
        chat.look()
        if time.monotonic() - killed_at >= kill_seconds:
            bridges[turn % len(bridges)].kill()
            turn, killed_at = turn + 1, time.monotonic()
        await asyncio.sleep(1)


async def _live(session: aiohttp.ClientSession, urls: list[str], day: _Day) -> None:
    """Each alert fires at some time of the day and resolves some time later."""
    chance = random.Random(1)  # noqa: S311 - to be repeated
    length = _DAY_SECONDS / day.factor
    begin = time.time()
    plans = sorted((chance.uniform(0, length * 0.9), chance.uniform(8, 20), number) for number in range(day.alerts))
    events = sorted(
        [(at, number, at, False) for at, _, number in plans]
        + [(at + lasts, number, at, True) for at, lasts, number in plans]
    )
    for at, number, started, over in events:
        await asyncio.sleep(max(begin + at - time.time(), 0))
        labels = {
            "alertname": f"Alert{number % 7}",
            "severity": ("critical", "warning", "info")[number % 3],
            "site": f"site-{number % 5}",
            "dispenser": f"d{number}",
        }
        ends = time.time() if over else begin + at + 3600
        await send(session, urls, [alert(labels, begin + started, ends)])


def _print(chat: Chat, store: Store, told: dict[tuple[str, bool], int], day: _Day, *, empty: bool, kills: int) -> None:
    fired = {one for one, firing in told if firing}
    resolved = {one for one, firing in told if not firing}
    shown = chat.shown
    sent = store.number("SELECT count(*) FROM message WHERE state = 'delivered'")
    failed = [one for one in chat.look() if not one.verdict.accepted]
    table = figures_table(f"24 hours, {day.factor:g} times as fast", "", "")
    table.add_row("alerts that fired and resolved", str(day.alerts))
    table.add_row("calls of DingTalk", str(len(chat.received)))
    table.add_row("of which failed", f"{len(failed) / len(chat.received):.1%}")
    table.add_row("kills of a bridge", str(kills))
    table.add_row("messages in the group", str(len(shown)))
    table.add_row("lost: never told that they fired or that they resolved", str(day.alerts - len(fired | resolved)))
    table.add_row("lost: never told that they resolved", str(day.alerts - len(resolved)))
    table.add_row("told twice by two messages", str(sum(count > 1 for count in told.values())))
    table.add_row("messages in the group that the ledger does not know as delivered", str(len(shown) - sent))
    table.add_row("left in the outbox", "nothing" if empty else "something")
    print_table(table)
