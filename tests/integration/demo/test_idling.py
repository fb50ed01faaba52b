"""A demo that nobody breaks raises no alarm, in an hour of idling."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.integration.demo.conftest import RunningDemo
from tests.integration.demo.replay import Labels, go_on, run_an_hour, take_snapshot

pytestmark = pytest.mark.slow

BETWEEN_SECONDS = 20
"""Longer than whatever the demo does again and again takes from one time to the next."""
ALARMS = """count by (alertname, alertstate, job) (
  count_over_time(ALERTS{alertname!="Watchdog"}[61m])
  unless count_over_time(ALERTS{alertname="DispenserSamplingDue",alertstate="pending"}[61m])
)"""
"""Every alert that was pending or firing, but for two. Watchdog fires always, by design. And nobody tells the demo when
somebody took samples for coliforms, which the rule rightly waits for: a day."""


def prometheus_of(demo: RunningDemo) -> str:
    parts = urlsplit(demo.url("Prometheus"))
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="module")
def courses(demo: RunningDemo) -> dict[Labels, tuple[float, float]]:
    """How every series of the settled demo goes on."""

    async def watch() -> dict[Labels, tuple[float, float]]:
        await asyncio.sleep(BETWEEN_SECONDS)
        before = await take_snapshot(prometheus_of(demo))
        await asyncio.sleep(BETWEEN_SECONDS)
        return go_on(before, await take_snapshot(prometheus_of(demo)))

    return asyncio.run(watch())


@pytest.mark.timeout(600)
def test_nothing_fires_nor_is_pending_in_an_hour_of_idling(
    courses: dict[Labels, tuple[float, float]], tmp_path: Path
) -> None:
    assert len({dict(labels).get("job") for labels in courses}) == 6, "every scrape job has spoken"
    assert run_an_hour(courses, ALARMS, tmp_path) == ""


@pytest.mark.timeout(600)
def test_the_replay_would_notice_what_the_demo_once_said(
    courses: dict[Labels, tuple[float, float]], tmp_path: Path
) -> None:
    never = dict.fromkeys([(("__name__", "tapwatch_reconciled_timestamp_seconds"), ("job", "dingtalk"))], (-1.8e9, 0.0))
    right = (("__name__", "controlplane_right_granted"), ("cluster", "simulated"), ("part", "nodes"))
    found = run_an_hour(
        {labels: course for labels, course in courses.items() if "tapwatch_reconciled" not in str(labels)}
        | never
        | {right: (0.0, 0.0)},
        ALARMS,
        tmp_path,
    )
    for name in ("ReconciliationStale", "ControlPlaneRightMissing"):
        assert f'alertname="{name}", alertstate="firing"' in found


@pytest.mark.timeout(600)
async def test_nobody_was_told_anything(demo: RunningDemo, courses: dict[Labels, tuple[float, float]]) -> None:
    assert courses
    async with aiohttp.ClientSession() as session, session.get(f"{demo.url('Open this first')}state") as response:
        state = await response.json()
    assert (state["delivered"], state["refused"], state["trouble"]) == (0, 0, [])
    assert state["targets"] == state["targets_up"] == 11
