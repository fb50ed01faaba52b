"""A storm: 1,000 alerts in 200 groups at once, through a pair of Alertmanagers and one bridge, in DingTalk's limits."""

import asyncio
import time
from pathlib import Path

import aiohttp
import click

from alerting.dingtalk.settings import RateLimit
from bench.bridge import Store, alert, running_alertmanagers, running_bridge, running_chat, send, write_settings
from bench.run import Part, Run, figures_table
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table

GROUPS, ALERTS = 200, 5
_CRITICAL_EVERY = 10
_PATIENCE_SECONDS = 120.0


@click.command("storm")
@click.pass_obj
def command(run: Run) -> None:
    """A thousand alerts at once: what arrives, in how many messages, and when."""
    if run.alertmanager is None:
        raise TapwatchError("the part storm needs --alertmanager")
    with run.part("storm") as part:
        asyncio.run(_measure(part, run.alertmanager))


async def _measure(part: Part, executable: Path) -> None:
    limit = RateLimit()
    outbox = f"sqlite:///{part.folder}/outbox.db"
    async with running_chat(part.folder, limit) as chat:
        settings = write_settings(part.folder / "dingtalk.yaml", chat.url, limit, outbox)
        route = {"group_by": ["group"], "group_wait": "1s", "group_interval": "5m"}
        async with (
            running_bridge(settings) as (bridge, _),
            running_alertmanagers(executable, part.folder, [bridge, bridge], route) as urls,
            aiohttp.ClientSession() as session,
        ):
            part.tell(f"{GROUPS * ALERTS} alerts in {GROUPS} groups")
            started = time.time()
            alerts = [_alert(group, number, started) for group in range(GROUPS) for number in range(ALERTS)]
            await send(session, urls, alerts)
            told = await Store(outbox).until_told(GROUPS * ALERTS, _PATIENCE_SECONDS)
            shown, refused = chat.shown, [one for one in chat.look() if not one.verdict.accepted]
    critical = next(one.time for one in shown if "🔴" in one.message.text)
    table = figures_table(f"{GROUPS * ALERTS} alerts in {GROUPS} groups, at once", "", "")
    table.add_row("alerts told", f"{told / (GROUPS * ALERTS):.1%}")
    table.add_row("messages", str(len(shown)))
    table.add_row("refused by DingTalk", str(len(refused)))
    table.add_row("first critical", f"{critical - started:.1f} s")
    table.add_row("last message", f"{shown[-1].time - started:.1f} s")
    print_table(table)


def _alert(group: int, number: int, started: float) -> dict[str, object]:
    labels = {
        "alertname": f"Alert{group % 7}",
        "severity": "warning" if group % _CRITICAL_EVERY else "critical",
        "group": str(group),
        "site": f"site-{group % 5}",
        "dispenser": f"d{group}-{number}",
    }
    return alert(labels, started, started + 3600)
