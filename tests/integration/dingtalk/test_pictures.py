"""The chart in a message, by a real Prometheus, and left out when it does not answer in time."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import yaml

from demo.child import Child
from demo.servers import locate
from laboratory.notifications import alert, body
from tapwatch.web import free_port
from tests.integration.dingtalk.channel import Channel, running_channel, until

PICTURE = re.compile(r"!\[\]\(https://tapwatch\.example(/picture/[0-9a-f]{32}\.png)\)")


@asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[tuple[str, psutil.Process]]:
    """One that scrapes itself every second; its URL and process."""
    port = free_port()
    own = {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [own]}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command: list[str | Path] = [
        locate("prometheus"),
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    child = await Child.start("prometheus", command, folder / "prometheus.log")
    try:
        await child.wait_ready(f"http://127.0.0.1:{port}/-/ready", 60)
        yield f"http://127.0.0.1:{port}", psutil.Process(child.pid)
    finally:
        await child.stop()


def measured(url: str, expression: str, fingerprint: str) -> bytes:
    """An alert on Prometheus' own series."""
    one = alert("Up", fingerprint=fingerprint, job="prometheus", instance=url.removeprefix("http://"))
    one["generatorURL"] = f"{url}/graph?g0.expr={quote(expression)}&g0.tab=1"
    return body(one, group=fingerprint)


@asynccontextmanager
async def pictured(folder: Path, url: str, deadline: str = "3s") -> AsyncIterator[Channel]:
    settings = {
        "outbox": f"sqlite:///{folder}/outbox.db",
        "public_url": "https://tapwatch.example",
        "pictures": {"prometheus": url, "hours": 1, "deadline": deadline},
    }
    async with running_channel(folder, settings=settings) as channel:
        yield channel


async def test_a_message_shows_the_last_hours_and_the_value_now(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as (url, _), pictured(tmp_path, url) as channel:
        found = None
        for number in range(20):  # until Prometheus has scraped itself, and the worker is warm
            assert (await channel.post(measured(url, 'up{job="prometheus"} < 5', str(number))))[0] == 200
            await until(lambda number=number: len(channel.accepted) == number + 1)  # type: ignore[misc]  # a default
            text = channel.accepted[-1].message.text
            found = PICTURE.search(text)
            if found:
                break
            await asyncio.sleep(4)  # more at once would share a digest
        assert found
        assert "Now 1 (threshold ＜ 5)" in text
        async with channel.session.get(f"{channel.bridge_url}{found[1]}") as answer:
            assert (answer.status, answer.content_type) == (200, "image/png")
            content = await answer.read()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 5000
        async with channel.session.get(f"{channel.bridge_url}/picture/{'0' * 32}.png") as answer:
            assert answer.status == 404


async def test_while_prometheus_hangs_the_message_goes_without(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as (url, process), pictured(tmp_path, url, "500ms") as channel:
        process.suspend()
        try:
            started = time.monotonic()
            assert (await channel.post(measured(url, "up < 5", "1")))[0] == 200
            await until(lambda: len(channel.accepted) == 1)
            assert time.monotonic() - started < 5
        finally:
            process.resume()
    assert not PICTURE.search(channel.accepted[0].message.text)


async def test_an_alert_without_an_expression_goes_without(tmp_path: Path) -> None:
    async with pictured(tmp_path, "http://127.0.0.1:1") as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        await channel.post(measured("http://127.0.0.1:1", "up < 5", "2"))
        await until(lambda: len(channel.accepted) == 2)
    assert not any(PICTURE.search(one.message.text) for one in channel.accepted)
