"""A real Alertmanager before the bridge."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import yaml

from laboratory.servers.alertmanager import ALONE, running_alertmanager
from tapwatch.web import free_port

PATIENCE_SECONDS = 30
PEER_SECONDS = 2
"""How long the second of a pair waits for the first to tell; 15 by itself."""


def receiver(name: str, url: str) -> dict[str, object]:
    """A receiver of Alertmanager's settings."""
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": True}]}


@asynccontextmanager
async def alertmanager(
    folder: Path,
    bridge_url: str,
    *,
    route: Mapping[str, object] | None = None,
    receivers: Sequence[Mapping[str, object]] = (),
    port: int | None = None,
    cluster: Sequence[str] = ALONE,
) -> AsyncIterator[str]:
    """Its URL; routes everything to robot `ops` without waiting, unless told otherwise."""
    ops = {"receiver": "ops", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"}
    config = {
        "route": ops | dict(route or {}),
        "receivers": [receiver("ops", f"{bridge_url}/dingtalk/ops"), *receivers],
    }
    async with running_alertmanager(folder, yaml.safe_dump(config), port=port, cluster=cluster) as url:
        yield url


@asynccontextmanager
async def alertmanager_pair(
    folder: Path, bridge_url: str, *, route: Mapping[str, object] | None = None
) -> AsyncIterator[list[str]]:
    """Two of them that gossip."""
    gossip = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    async with AsyncExitStack() as stack:
        urls = []
        for own in gossip:
            peers = [f"--cluster.listen-address={own}", *(f"--cluster.peer={one}" for one in gossip if one != own)]
            peers += ["--cluster.settle-timeout=1s", f"--cluster.peer-timeout={PEER_SECONDS}s"]
            urls.append(await stack.enter_async_context(alertmanager(folder, bridge_url, route=route, cluster=peers)))
        yield urls


async def raise_alert(
    session: aiohttp.ClientSession,
    url: str,
    name: str,
    *,
    resolved: bool = False,
    started: datetime | None = None,
    **labels: str,
) -> None:
    """What Prometheus does; two minutes ago unless told otherwise."""
    now = datetime.now(UTC)
    one = {
        "labels": {"alertname": name, "severity": "critical", "dispenser": "lib-1f-east", "site": "main-campus"}
        | labels,
        "annotations": {"summary": "A dispenser leaks"},
        "startsAt": (started or now - timedelta(minutes=2)).isoformat(),
        "endsAt": (now if resolved else now + timedelta(minutes=5)).isoformat(),
    }
    async with session.post(f"{url}/api/v2/alerts", json=[one]) as answer:
        assert answer.status == 200
