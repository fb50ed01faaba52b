"""Phones ring by rota, and what nobody takes is escalated once."""

import asyncio
import time
from pathlib import Path

import pytest

from alerting.dingtalk.clocks import Clocks
from laboratory.notifications import alert, body
from tests.integration.dingtalk.channel import Channel, ledger, replica, running_channel, until

MOBILE, USER = "13800000000", "manager4220"
PEOPLE = f"""
people:
  wang: {{name: Wang, mobile: "{MOBILE}"}}
  chen: {{name: Chen, user_id: {USER}}}
teams:
  facilities:
    escalate_after: 10m
    levels: [{{people: [wang]}}, {{people: [chen]}}]
"""
LEAK = alert(team="facilities")


class Clock:
    """Unix time that a test moves."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def people(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    return {"people": "./people.yaml"}


def rung(channel: Channel) -> list[tuple[str, ...]]:
    return [one.message.mentioned for one in channel.accepted]


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "direct"])
async def test_a_critical_alert_rings_whoever_is_on_call_and_good_news_nobody(
    tmp_path: Path, people: dict[str, object], *, stored: bool
) -> None:
    settings = people | ({"outbox": f"sqlite:///{tmp_path}/outbox.db"} if stored else {})
    async with running_channel(tmp_path, settings=settings) as channel:
        warning = alert(team="facilities", severity="warning")
        for number, one in enumerate((LEAK, warning, alert(team="other"), alert(status="resolved", team="facilities"))):
            assert (await channel.post(body(one, group=f"g{number}")))[0] == 200
            await until(lambda number=number: len(channel.accepted) == number + 1)  # type: ignore[misc]  # a default
    assert rung(channel) == [(MOBILE,), (), (), ()]
    assert channel.accepted[0].message.wanted == (MOBILE,), "it stands in `at` and in the text"


async def test_in_a_storm_the_digest_rings(tmp_path: Path, people: dict[str, object]) -> None:
    settings = people | {"outbox": f"sqlite:///{tmp_path}/outbox.db"}
    async with running_channel(tmp_path, settings=settings) as channel:
        for number in range(30):
            await channel.post(body(alert(fingerprint=str(number), team="facilities"), group=f"g{number}"))
        await until(lambda: ledger(settings["outbox"], "SELECT 1 FROM notification WHERE state = 'waiting'") == [])  # type: ignore[arg-type]  # a string
    digests = [one.message for one in channel.accepted if "gathered" in one.message.title]
    assert digests
    assert all(one.mentioned == (MOBILE,) for one in digests)


async def test_what_nobody_acknowledges_is_escalated_once_whatever_the_replicas(
    tmp_path: Path, outbox: str, people: dict[str, object]
) -> None:
    clock = Clock()
    async with (
        running_channel(tmp_path, Clocks(unix=clock), settings=people | {"outbox": outbox}) as one,
        replica(one.settings, one.stand_in, Clocks(unix=clock)),
    ):
        assert (await one.post(body(LEAK)))[0] == 200
        await until(lambda: len(one.accepted) == 1)
        await asyncio.sleep(1.5)
        assert len(one.accepted) == 1
        clock.ahead = 601.0
        await until(lambda: len(one.accepted) == 2)
        clock.ahead = 3000.0
        await asyncio.sleep(2.5)
    assert rung(one) == [(MOBILE,), (USER,)]
    assert "Nobody has acknowledged this for 10 minutes" in one.accepted[1].message.text


async def test_what_is_resolved_is_not_escalated(tmp_path: Path, people: dict[str, object]) -> None:
    clock, settings = Clock(), people | {"outbox": f"sqlite:///{tmp_path}/outbox.db"}
    async with running_channel(tmp_path, Clocks(unix=clock), settings=settings) as channel:
        await channel.post(body(LEAK))
        await channel.post(body(alert(status="resolved", team="facilities")))
        clock.ahead = 700.0
        await until(lambda: len(channel.accepted) >= 1)
        await asyncio.sleep(2)
    assert all(USER not in one for one in rung(channel))


async def test_no_number_is_in_a_log_a_metric_or_a_page(
    tmp_path: Path, people: dict[str, object], capfd: pytest.CaptureFixture[str]
) -> None:
    settings = people | {"outbox": f"sqlite:///{tmp_path}/outbox.db"}
    async with running_channel(tmp_path, settings=settings) as channel:
        for kind in ("http500", "errcode", "missing_errcode"):
            channel.break_cloud(kind, count=1, errcode=40035, errmsg=f"@{MOBILE}")
            await channel.post(body(LEAK, group=kind))
            await until(lambda: channel.stand_in.fault is None)
        await until(lambda: len(channel.accepted) >= 1)
        seen = [await channel.get(path) for path in ("/records", "/records/1", "/metrics", "/")]
    out, err = capfd.readouterr()
    assert rung(channel)[0] == (MOBILE,)
    ours = [line for line in out.splitlines() if "message.received" not in line]  # which is the stand-in's
    for text in (*seen, *ours, err):
        assert MOBILE not in text
