"""A real Alertmanager before the bridge, and the stand-in behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from demo.child import Child
from demo.servers import locate
from tapwatch.web import free_port
from tests.integration.dingtalk.channel import Channel, running_channel, until

PATIENCE_SECONDS = 30


@asynccontextmanager
async def alertmanager(folder: Path, bridge_url: str) -> AsyncIterator[str]:
    """Its URL; routes everything to robot `ops` without waiting."""
    config = {
        "route": {"receiver": "ops", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "5s"},
        "receivers": [{"name": "ops", "webhook_configs": [{"url": f"{bridge_url}/dingtalk/ops"}]}],
    }
    file, port = folder / "alertmanager.yaml", free_port()
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        locate("alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    child = await Child.start("alertmanager", command, folder / "alertmanager.log")
    try:
        await child.wait_ready(f"{url}/-/ready", PATIENCE_SECONDS)
        yield url
    finally:
        await child.stop()


async def raise_alert(channel: Channel, url: str, name: str, *, resolved: bool = False) -> None:
    """What Prometheus does."""
    now = datetime.now(UTC)
    one = {
        "labels": {"alertname": name, "severity": "critical", "dispenser": "lib-1f-east", "site": "main-campus"},
        "annotations": {"summary": "A dispenser leaks"},
        "startsAt": (now - timedelta(minutes=2)).isoformat(),
        "endsAt": (now if resolved else now + timedelta(minutes=5)).isoformat(),
    }
    async with channel.session.post(f"{url}/api/v2/alerts", json=[one]) as answer:
        assert answer.status == 200


async def test_an_alert_arrives_once_and_its_end_too(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel, alertmanager(tmp_path, channel.bridge_url) as url:
        await raise_alert(channel, url, "DispenserLeak")
        await until(lambda: len(channel.accepted) == 1)
        await raise_alert(channel, url, "DispenserLeak", resolved=True)
        await until(lambda: len(channel.accepted) == 2)
        firing, resolved = channel.accepted
    assert firing.message.title == "Tapwatch 🔴 Critical: A dispenser leaks · lib-1f-east"
    assert resolved.message.title == "Tapwatch ✅ Resolved: A dispenser leaks · lib-1f-east"
    assert "Resolved after 2 min" in resolved.message.text


async def test_an_alert_that_dingtalk_did_not_take_is_tried_again_until_it_does(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel, alertmanager(tmp_path, channel.bridge_url) as url:
        channel.break_cloud("errcode", errcode=300001)
        await raise_alert(channel, url, "DispenserLeak")
        await until(lambda: len(channel.received) >= 3)
        assert channel.accepted == []
        channel.mend_cloud()
        await until(lambda: len(channel.accepted) == 1)
        await asyncio.sleep(1)
        assert len(channel.accepted) == 1


async def test_what_came_while_dingtalk_was_down_arrives_when_it_is_back(tmp_path: Path) -> None:
    """Down for longer than a notification's patience, so that Alertmanager itself has to come again."""
    async with (
        running_channel(tmp_path, answer_within="200ms", settings={"patience": "1s"}) as channel,
        alertmanager(tmp_path, channel.bridge_url) as url,
    ):
        channel.break_cloud("hang")
        await raise_alert(channel, url, "DispenserLeak")
        await until(lambda: len(channel.received) >= 4)
        assert channel.accepted == []
        channel.mend_cloud()
        await until(lambda: len(channel.accepted) == 1)
        await asyncio.sleep(1)
        assert len(channel.accepted) == 1


async def test_alertmanager_itself_counts_what_was_not_delivered(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel, alertmanager(tmp_path, channel.bridge_url) as url:
        channel.break_cloud("http500")
        await raise_alert(channel, url, "DispenserLeak")

        async def failed() -> bool:
            async with channel.session.get(f"{url}/metrics") as answer:
                text = await answer.text()
            lines = [line for line in text.splitlines() if line.startswith("alertmanager_notification_requests_failed")]
            return any('integration="webhook"' in line and not line.endswith(" 0") for line in lines)

        for _ in range(PATIENCE_SECONDS * 10):
            if await failed():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("Alertmanager counts no failure")
