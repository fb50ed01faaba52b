"""Faults of a simulated campus, judged by the shipped rules in a real Prometheus: each wakes the alerts about it."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from demo.observer import Observer
from demo.pipeline import Options, Pipeline, running_pipeline
from exporters.dispenser.mapfile import BUILT_IN

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 240
SETTLED_SECONDS = 20.0
"""Ten evaluations: whatever would wrongly fire on a healthy campus is pending by then."""

ALERTS = {
    "leak": {"DispenserLeak"},
    "overflow": {"DispenserOverflow"},
    "dry_run": {"DispenserDryRun", "DispenserFault"},
    "filter": {"DispenserFilterWorn", "DispenserTurbidity"},
    "water_quality": {"DispenserMembraneFailing"},
    "uv_lamp": {"DispenserUvOff"},
    "sensor": {"DispenserFault"},
    "identity": {"DispenserMapMismatch", "DispenserUnreachable"},
}
"""What each fault must wake, and nothing else of its dispenser."""


class Campus:
    """A running demo, looked at through Prometheus' API."""

    def __init__(self, session: aiohttp.ClientSession, observer: Observer, campus: str) -> None:
        self._session = session
        self._campus = campus
        self.observer = observer

    async def inject(self, fault: str, dispenser: str) -> None:
        url = f"{self._campus}/dispensers/{dispenser}/faults/{fault}"
        async with self._session.post(url, raise_for_status=True) as answer:
            await answer.read()

    async def dispensers(self) -> list[str]:
        """Those that answer."""
        found = await self.observer.query("dispenser_up == 1")
        return sorted(one["metric"]["dispenser"] for one in found)

    async def woken(self) -> dict[str, set[str]]:
        """The alerts of facilities that are pending or fire, by dispenser; those of a gateway or site under no name."""
        found: dict[str, set[str]] = {}
        for one in await self.observer.query('ALERTS{team="facilities"}'):
            labels = one["metric"]
            found.setdefault(labels.get("dispenser", ""), set()).add(labels["alertname"])
        return found


@pytest.fixture
async def campus(tmp_path: Path) -> AsyncIterator[Campus]:
    options = Options(
        dispensers=12, speed=1.0, language="en", kubeconfig=None, grafana=False, maps=(_quick_map(tmp_path),)
    )
    folder = tmp_path / "demo"
    folder.mkdir()
    async with (
        running_pipeline(folder, options, lambda _: None) as pipeline,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
    ):
        _judge_quickly(pipeline)
        observer = Observer(session, pipeline.ports)
        one = Campus(session, observer, pipeline.ports.url("campus"))
        for _ in range(PATIENCE_SECONDS):
            if len(await one.dispensers()) == options.dispensers and await observer.query("ALERTS"):
                break
            await asyncio.sleep(1)
        yield one


def _quick_map(folder: Path) -> Path:
    """The built-in map, but with what changes rarely read again after 2 s, not after a minute."""
    file = folder / "default.yaml"
    file.write_text(f"max_age: {{slow: 2s}}\n{(BUILT_IN / file.name).read_text('utf-8')}", encoding="utf-8")
    return file


def _judge_quickly(pipeline: Pipeline) -> None:
    """Let Prometheus evaluate every group of rules every two seconds, those of each minute too."""
    for file in (pipeline.folder / "rules").glob("*.yaml"):
        file.write_text(
            re.sub(r"^    interval: 1m\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE), "utf-8"
        )
    (prometheus,) = (child for child in pipeline.children if child.name == "prometheus")
    os.kill(prometheus.pid, signal.SIGHUP)


@pytest.mark.timeout(3 * PATIENCE_SECONDS)
async def test_each_fault_wakes_the_alerts_that_are_about_it_and_no_other(campus: Campus) -> None:
    await asyncio.sleep(SETTLED_SECONDS)
    assert await campus.woken() == {}, "a healthy campus wakes nobody"
    limits = await campus.observer.query('count by (limit) (site_module:dispenser_limit{module="default"})')
    assert limits
    broken = dict(zip(ALERTS, await campus.dispensers(), strict=False))
    assert len(broken) == len(ALERTS)
    for fault, dispenser in broken.items():
        await campus.inject(fault, dispenser)
    expected = {broken[fault]: alerts for fault, alerts in ALERTS.items()}
    found: dict[str, set[str]] = {}
    for _ in range(PATIENCE_SECONDS):
        found = await campus.woken()
        extra = {name: alerts - expected.get(name, set()) for name, alerts in found.items()}
        assert not any(extra.values()), f"woken by mistake: {extra}"
        if found == expected:
            break
        await asyncio.sleep(1)
    assert found == expected
