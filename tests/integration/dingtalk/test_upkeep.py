"""What is old is forgotten, what waits is not."""

import time
from pathlib import Path

from alerting.dingtalk.clocks import Clocks
from laboratory.notifications import alert, body
from tests.integration.dingtalk.channel import ledger, replica, running_channel, until

COUNTS = "SELECT (SELECT count(*) FROM notification), (SELECT count(*) FROM message), (SELECT count(*) FROM incident)"


async def test_what_ended_longer_ago_than_it_is_kept_is_forgotten(tmp_path: Path, outbox: str) -> None:
    async with running_channel(tmp_path, settings={"outbox": outbox, "keep": "1d"}) as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        await channel.post(body(alert(status="resolved")))
        await until(lambda: len(channel.accepted) == 2)
        await until(lambda: ledger(outbox, "SELECT count(*) FROM notification WHERE state = 'waiting'") == [(0,)])
        assert ledger(outbox, COUNTS) == [(2, 2, 1)]
        channel.break_cloud("errcode", errcode=300001)
        await channel.post(body(group="waits"))
        later = Clocks(unix=lambda: time.time() + 2 * 86400)
        async with replica(channel.settings, channel.stand_in, later):
            await until(lambda: ledger(outbox, "SELECT count(*) FROM notification") == [(1,)])
    assert ledger(outbox, "SELECT group_key FROM notification") == [("waits",)]
