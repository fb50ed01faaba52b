"""A provisioned Zabbix, the bridge beside it, and questions about what people would see."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from laboratory.processes import Running, run_to_end, running
from laboratory.servers.alertmanager import running_alertmanager
from laboratory.servers.zabbix import Release, Zabbix

WAIT_SECONDS = 120.0
"""Generous: what is waited for takes two or three seconds on an idle machine."""

DISPENSERS = (
    {"name": "lib-1f-east", "site": "main-campus", "building": "library", "floor": "1", "address": "10.0.5.7:502/1"},
    {"name": "lib-2f-west", "site": "main-campus", "building": "library", "floor": "2", "address": "10.0.5.7:502/2"},
)


@dataclass(frozen=True)
class Stage:
    """One Zabbix and the folder with the bridge's settings."""

    zabbix: Zabbix
    folder: Path

    @classmethod
    @contextmanager
    def start(cls, folder: Path, release: Release, **server_settings: object) -> Iterator["Stage"]:
        """Zabbix running, nothing provisioned."""
        with Zabbix.start(folder, release, **server_settings) as zabbix:
            stage = cls(zabbix, folder)
            (folder / "admin.token").write_text(zabbix.token, encoding="utf-8")
            stage.write_inventory(*DISPENSERS)
            stage.configure()
            yield stage

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.folder / "zabbix.yaml"

    @property
    def token(self) -> str:
        """The bridge's own token."""
        return (self.folder / "bridge.token").read_text(encoding="utf-8").strip()

    def settings(self, **changes: object) -> dict[str, object]:
        """The settings that the tests use: everything soon."""
        basic = {
            "api_url": self.zabbix.url,
            "token_file": "./bridge.token",
            "server": self.zabbix.trapper,
            "inventory": ["./dispensers.yaml"],
            "interval": "1s",
            "settle": "0",
            "heartbeat": "5s",
            "nodata": "30s",
        }
        return basic | changes

    def configure(self, **changes: object) -> Path:
        """Write the settings file."""
        self.config.write_text(yaml.safe_dump(self.settings(**changes)), encoding="utf-8")
        return self.config

    def write_inventory(self, *dispensers: Mapping[str, str]) -> None:
        """What stands where."""
        text = yaml.safe_dump({"dispensers": [dict(one) for one in dispensers]})
        (self.folder / "dispensers.yaml").write_text(text, encoding="utf-8")

    async def provision(self, *options: str, token: Path | None = None, seconds: float = 110) -> tuple[int, str, str]:
        """`tapwatch zabbix provision`: status, stdout, stderr."""
        files = (f"--config.file={self.config}", f"--token.file={token or self.folder / 'admin.token'}")
        return await run_to_end("zabbix", "provision", *files, *options, seconds=seconds)

    @asynccontextmanager
    async def bridge(self, port: int | None = None, **changes: object) -> AsyncIterator[Running]:
        """The bridge as a process of its own."""
        config = self.configure(**changes)
        async with running(self.folder, "zabbix", f"--config.file={config}", port=port) as bridge:
            yield bridge

    async def raise_alert(self, url: str, name: str, *, resolved: bool = False, **labels: str) -> None:
        """What Prometheus does."""
        now = datetime.now(UTC)
        one = {
            "labels": {"alertname": name, "severity": "critical", "dispenser": "lib-1f-east", **labels},
            "annotations": {"summary": "A dispenser leaks"},
            "startsAt": (now - timedelta(minutes=2)).isoformat(),
            "endsAt": (now if resolved else now + timedelta(minutes=5)).isoformat(),
        }
        async with aiohttp.ClientSession() as session, session.post(f"{url}/api/v2/alerts", json=[one]) as answer:
            assert answer.status == 200

    def problems(self, **tags: str) -> list[dict[str, Any]]:
        """Open problems with all of these tags, at least one, as people see them."""
        wanted = [{"tag": tag.replace("_", "-"), "value": value, "operator": 1} for tag, value in tags.items()]
        question: dict[str, Any] = {"output": "extend", "selectTags": "extend", "tags": wanted, "evaltype": 0}
        found: list[dict[str, Any]] = self.zabbix.api("problem.get", **question)
        return found

    def event(self, problem: Mapping[str, Any]) -> dict[str, Any]:
        """A problem's event with its host and what people did."""
        updates = "selectAcknowledges" if self.zabbix.release.version >= "7.0" else "select_acknowledges"
        question: dict[str, Any] = {"eventids": problem["eventid"], "selectHosts": ["host", "name"], updates: "extend"}
        question |= {"selectRelatedObject": ["triggerid", "url", "comments", "priority"], "output": "extend"}
        found: list[dict[str, Any]] = self.zabbix.api("event.get", **question)
        return found[0]

    def host(self, name: str) -> dict[str, Any] | None:
        """A host by its technical name."""
        groups = "selectHostGroups" if self.zabbix.release.version >= "6.2" else "selectGroups"
        selected = {"selectInventory": "extend", "selectTags": "extend", groups: "extend"}
        found = self.zabbix.api("host.get", filter={"host": name}, output="extend", **selected)
        return found[0] if found else None


@asynccontextmanager
async def alertmanager(folder: Path, webhook: str, **route: str) -> AsyncIterator[str]:
    """A real one, which routes everything to this webhook without waiting; its URL."""
    times = {"group_wait": "0s", "group_interval": "5s", "repeat_interval": "1h"} | route
    config = {
        "route": {"receiver": "zabbix", "group_by": ["alertname"], **times},
        "receivers": [{"name": "zabbix", "webhook_configs": [{"url": webhook}]}],
    }
    async with running_alertmanager(folder, yaml.safe_dump(config)) as url:
        yield url


async def until(what: str, reached: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:  # noqa: ANN401 - whatever it gives
    """The first true answer; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := await asyncio.to_thread(reached):
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(f"not within {seconds:g} s: {what}")


async def until_async(what: str, reached: Callable[[], Awaitable[Any]], seconds: float = WAIT_SECONDS) -> Any:  # noqa: ANN401 - whatever it gives
    """As `until`, for a question that is awaited."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := await reached():
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(f"not within {seconds:g} s: {what}")


def sample(metrics: str, series: str) -> float:
    """The value of a series in the text of /metrics."""
    lines = [line for line in metrics.splitlines() if line.startswith(f"{series} ")]
    assert lines, f"no {series}"
    return float(lines[0].split()[-1])
