"""What the DingTalk parts are made of: the stand-in, bridges as processes, a pair of Alertmanagers, and the ledger."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import sqlalchemy

from alerting.dingtalk.settings import RateLimit, load_settings
from alerting.dingtalk.standin.cloud import Received
from alerting.dingtalk.standin.server import StandIn
from bench.process import Process, running_process
from tapwatch import log
from tapwatch.web import Address, Server, free_port
from tapwatch.webconfig import WebGate

TOKEN = "bench-" + "t" * 40
ROBOT = "ops"
_TOLD = "SELECT count(*) FROM alert JOIN message ON message.id = message_id WHERE message.state = 'delivered'"


@dataclass
class Chat:
    """The stand-in, in this process; remembers all that came."""

    stand_in: StandIn
    url: str
    received: list[Received] = field(default_factory=list)

    def look(self) -> Sequence[Received]:
        """All calls so far; to be called more often than the stand-in forgets."""
        last = self.received[-1].number if self.received else 0
        self.received += self.stand_in.cloud.received(last)
        return self.received

    async def until_shown(self, messages: int) -> None:
        """Return when so many messages stand in the chat."""
        while len(self.shown) < messages:  # noqa: ASYNC110 - the stand-in has no event for it
            await asyncio.sleep(0.001)

    @property
    def shown(self) -> list[Received]:
        """What stands in the group chat."""
        return [one for one in self.look() if one.verdict.accepted and not one.repeated]


@asynccontextmanager
async def running_chat(folder: Path, limit: RateLimit) -> AsyncIterator[Chat]:
    """Takes what the bench's robot sends, within this limit."""
    log.configure("error", "console")
    settings = write_settings(folder / "stand-in.yaml", "http://127.0.0.1:1/robot/send", limit)
    stand_in = StandIn(load_settings(settings), limit)
    async with Server(stand_in.service, WebGate(None)).running(Address("127.0.0.1", 0)) as address:
        yield Chat(stand_in, f"http://{address}/robot/send")


def write_settings(file: Path, url: str, limit: RateLimit, outbox: str = "") -> Path:
    """The bridge's settings file, with its token."""
    (file.parent / "ops.token").write_text(TOKEN, encoding="utf-8")
    rate = {"messages": limit.messages, "per": f"{limit.per * 1000:.0f}ms", "mute": f"{limit.mute * 1000:.0f}ms"}
    robot = {"url": url, "access_token_file": "./ops.token", "rate_limit": rate}
    settings = {"robots": {ROBOT: robot}} | ({"outbox": outbox} if outbox else {})
    file.write_text(json.dumps(settings), encoding="utf-8")
    return file


@asynccontextmanager
async def running_bridge(settings: Path, port: int | None = None) -> AsyncIterator[tuple[str, Process]]:
    """One replica; its URL and process."""
    address = f"127.0.0.1:{port or free_port()}"
    options = [f"--config.file={settings}", f"--web.listen-address={address}", "--log.level=warning"]
    command = [sys.executable, "-m", "tapwatch", "dingtalk", *options]
    async with running_process(command, f"http://{address}/-/ready") as process:
        yield f"http://{address}", process


@asynccontextmanager
async def running_alertmanagers(
    executable: Path, folder: Path, bridges: Sequence[str], route: Mapping[str, object]
) -> AsyncIterator[list[str]]:
    """One Alertmanager before each bridge, in a cluster; their URLs."""
    gossip = [f"127.0.0.1:{free_port()}" for _ in bridges]
    async with AsyncExitStack() as stack:
        urls = []
        for number, bridge in enumerate(bridges):
            webhook = {"url": f"{bridge}/dingtalk/{ROBOT}", "send_resolved": True}
            config = {
                "route": {"receiver": ROBOT, **route},
                "receivers": [{"name": ROBOT, "webhook_configs": [webhook]}],
            }
            file, port = folder / f"alertmanager-{number}.yaml", free_port()
            file.write_text(json.dumps(config), encoding="utf-8")
            command = [
                str(executable),
                f"--config.file={file}",
                f"--storage.path={folder}/alertmanager-{number}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--cluster.listen-address={gossip[number]}",
                *(f"--cluster.peer={peer}" for peer in gossip if peer != gossip[number]),
                "--cluster.settle-timeout=1s",
                "--cluster.peer-timeout=1s",
                "--log.level=error",
            ]
            await stack.enter_async_context(running_process(command, f"http://127.0.0.1:{port}/-/ready"))
            urls.append(f"http://127.0.0.1:{port}")
        await asyncio.sleep(2)  # until they have found each other
        yield urls


def alert(labels: Mapping[str, str], started: float, ends: float) -> dict[str, object]:
    """As Prometheus sends it; times are Unix times."""
    return {
        "labels": dict(labels),
        "annotations": {"summary": labels["alertname"], "description": "A sentence that says more on it."},
        "startsAt": datetime.fromtimestamp(started, UTC).isoformat(),
        "endsAt": datetime.fromtimestamp(ends, UTC).isoformat(),
    }


async def send(session: aiohttp.ClientSession, urls: Sequence[str], alerts: Sequence[Mapping[str, object]]) -> None:
    """To every Alertmanager, as Prometheus does."""
    for url in urls:
        async with session.post(f"{url}/api/v2/alerts", json=alerts) as answer:
            answer.raise_for_status()


class Store:
    """The ledger, read beside the bridges."""

    def __init__(self, url: str) -> None:
        self._engine = sqlalchemy.create_engine(url)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What it says."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(query))]

    def number(self, query: str) -> int:
        """The same, where it is one number."""
        return int(str(self.rows(query)[0][0]))

    async def until_told(self, alerts: int, seconds: float) -> int:
        """Alerts in delivered messages, as soon as there are so many, or after this time."""
        deadline = time.monotonic() + seconds
        told = self.number(_TOLD)
        while told < alerts and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            told = self.number(_TOLD)
        return told

    async def until_empty(self, seconds: float) -> bool:
        """Whether nothing waits any more within this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.number("SELECT count(*) FROM notification WHERE state = 'waiting'"):
                return True
            await asyncio.sleep(0.2)
        return False
