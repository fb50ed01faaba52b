"""How long a notification takes through the bridge, and how many it can take, when DingTalk would allow any number."""

import asyncio
import json
import statistics
import time

import aiohttp
import click

from alerting.dingtalk.settings import RateLimit
from bench.bridge import ROBOT, Chat, Store, alert, running_bridge, running_chat, write_settings
from bench.run import Part, Run, figures_table
from tapwatch.table import print_table

_ONE_BY_ONE, _AT_ONCE, _CALLERS = 200, 1000, 20


@click.command("delay")
@click.option("--outbox", default="", help="A shared store; a file of SQLite's unless given.")
@click.pass_obj
def command(run: Run, outbox: str) -> None:
    """The bridge's share of the delay, and messages a second through one process."""
    with run.part("delay") as part:
        asyncio.run(_measure(part, outbox))


async def _measure(part: Part, outbox: str) -> None:
    limit = RateLimit(messages=1_000_000)
    table = figures_table("Through one bridge", "", "median", "99 %", "messages a second", "CPU time of each")
    for name, store in (("outbox", outbox or f"sqlite:///{part.folder}/outbox.db"), ("without", "")):
        async with running_chat(part.folder, limit) as chat:
            settings = write_settings(part.folder / f"{name}.yaml", chat.url, limit, store)
            async with running_bridge(settings) as (bridge, process), aiohttp.ClientSession() as session:
                part.tell(f"{name}: {_ONE_BY_ONE} one by one, {_AT_ONCE} at once")
                delays = [await _one(session, bridge, chat, number) for number in range(_ONE_BY_ONE)]
                cpu, started = process.cpu_seconds(), time.perf_counter()
                await _many(session, bridge)
                await chat.until_shown(_ONE_BY_ONE + _AT_ONCE)
                took, cpu = time.perf_counter() - started, process.cpu_seconds() - cpu
        if store:
            await Store(store).until_empty(10)
        table.add_row(
            name,
            f"{statistics.median(delays) * 1000:.1f} ms",
            f"{statistics.quantiles(delays, n=100)[98] * 1000:.1f} ms",
            f"{_AT_ONCE / took:.0f}",
            f"{cpu / _AT_ONCE * 1000:.1f} ms",
        )
    print_table(table)


def _payload(number: int) -> bytes:
    now = time.time()
    labels = {"alertname": "DispenserLeak", "severity": "critical", "site": "main-campus", "dispenser": f"d{number}"}
    one = alert(labels, now - 60, 0.0) | {"status": "firing", "fingerprint": f"{now} {number}", "generatorURL": ""}
    payload = {
        "version": "4",
        "groupKey": f"{now} {number}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": ROBOT,
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": [one],
    }
    return json.dumps(payload).encode()


async def _post(session: aiohttp.ClientSession, bridge: str, number: int) -> None:
    async with session.post(f"{bridge}/dingtalk/{ROBOT}", data=_payload(number)) as answer:
        answer.raise_for_status()


async def _one(session: aiohttp.ClientSession, bridge: str, chat: Chat, number: int) -> float:
    """Seconds from Alertmanager's call until DingTalk has the message, its own time of a millisecond included."""
    before, started = len(chat.shown), time.perf_counter()
    posting = asyncio.create_task(_post(session, bridge, number))
    await chat.until_shown(before + 1)
    took = time.perf_counter() - started
    await posting
    return took


async def _many(session: aiohttp.ClientSession, bridge: str) -> None:
    numbers = iter(range(_ONE_BY_ONE, _ONE_BY_ONE + _AT_ONCE))

    async def work() -> None:
        for number in numbers:
            await _post(session, bridge, number)

    await asyncio.gather(*(work() for _ in range(_CALLERS)))
