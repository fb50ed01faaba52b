"""Buttons: opening never acts, confirming does once; forged, old and used links do nothing."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerting.dingtalk.clocks import Clocks
from laboratory.notifications import alert, body
from tapwatch.web import free_port
from tests.integration.dingtalk.alertmanager import alertmanager, raise_alert
from tests.integration.dingtalk.channel import Channel, ledger, running_channel, until

DEEDS = "SELECT kind, person FROM deed"


class Clock:
    """Unix time that a test moves."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@asynccontextmanager
async def buttoned(folder: Path, clock: Clock | None = None, **more: object) -> AsyncIterator[Channel]:
    """A channel whose messages have buttons; its address is known beforehand by no phone, so links are rewritten."""
    (folder / "buttons.key").write_text("k3y-" + "x" * 30, encoding="utf-8")
    settings: dict[str, object] = {
        "outbox": f"sqlite:///{folder}/outbox.db",
        "public_url": "https://tapwatch.example",
        "buttons": {"key_file": "./buttons.key", "valid": "1h"},
    }
    robot = more.pop("robot", {})
    async with running_channel(folder, Clocks(unix=clock or Clock()), settings=settings | more, **robot) as channel:  # type: ignore[arg-type]  # options of the robot
        yield channel


async def links(channel: Channel, number: int = -1) -> dict[str, str]:
    """Paths of the buttons in a message: acknowledge, silence."""
    found = re.findall(r"https://tapwatch\.example(/act/[\w-]+)", channel.accepted[number].message.text)
    return dict(zip(("acknowledge", "silence"), found, strict=True))


async def press(channel: Channel, path: str, **form: str) -> tuple[int, str]:
    async with channel.session.post(f"{channel.bridge_url}{path}", data=form) as answer:
        return answer.status, await answer.text()


async def opened(channel: Channel, path: str) -> tuple[int, str]:
    async with channel.session.get(f"{channel.bridge_url}{path}") as answer:
        return answer.status, await answer.text()


async def test_opening_a_link_shows_what_would_happen_and_does_nothing(tmp_path: Path) -> None:
    async with buttoned(tmp_path) as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        for deed, words in {"acknowledge": "I take care of it", "silence": "Alerts with these labels"}.items():
            path = (await links(channel))[deed]
            for _ in range(3):
                status, text = await opened(channel, path)
                assert (status, words in text, "A dispenser leaks" in text) == (200, True, True)
            async with channel.session.head(f"{channel.bridge_url}{path}") as answer:
                assert answer.status == 200
        assert ledger(f"sqlite:///{tmp_path}/outbox.db", DEEDS) == []
        assert "<script" not in text


async def test_whoever_takes_it_is_recorded_and_shown_in_the_group_once(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with buttoned(tmp_path) as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        path = (await links(channel))["acknowledge"]
        assert (await press(channel, path, person="  "))[0] == 400
        answers = await asyncio.gather(*(press(channel, path, person=name) for name in ("王小明", "Chen")))
        assert sorted(status for status, _ in answers) == [200, 409]
        await until(lambda: len(channel.accepted) == 2)
        status, text = await press(channel, path, person="Li")
        assert (status, "This was done already, by " in text) == (409, True)
        assert (await opened(channel, path))[0] == 409
        await asyncio.sleep(1)
    ((kind, person),) = ledger(outbox, DEEDS)
    assert kind == "acknowledge"
    assert channel.accepted[1].message.title == (
        f"Tapwatch 🔵 Info: {person} takes care of it: A dispenser leaks · lib-1f-east"
    )
    assert len(channel.accepted) == 2
    assert "/act/" not in channel.accepted[1].message.text


async def test_a_silence_is_alertmanagers_with_the_persons_name(tmp_path: Path) -> None:
    port = free_port()
    async with (
        buttoned(tmp_path, alertmanagers=["http://127.0.0.1:1", f"http://127.0.0.1:{port}"]) as channel,
        alertmanager(tmp_path, channel.bridge_url, port=port) as url,
    ):
        await raise_alert(channel.session, url, "DispenserLeak")
        await until(lambda: len(channel.accepted) == 1)
        path = (await links(channel))["silence"]
        assert (await press(channel, path, person="王小明", duration="8h"))[0] == 200
        async with channel.session.get(f"{url}/api/v2/silences") as answer:
            (one,) = await answer.json()
        assert one["createdBy"] == "王小明"
        matched = {matcher["name"]: matcher["value"] for matcher in one["matchers"]}
        assert matched == {
            "alertname": "DispenserLeak",
            "dispenser": "lib-1f-east",
            "severity": "critical",
            "site": "main-campus",
        }
        await until(lambda: len(channel.accepted) == 2)
        assert "王小明 has silenced it until " in channel.accepted[1].message.title
        async with channel.session.get(f"{url}/api/v2/alerts?silenced=false") as answer:
            assert await answer.json() == []
        assert (await press(channel, path, person="王小明"))[0] == 409


async def test_a_silence_that_alertmanager_does_not_take_can_be_tried_again(tmp_path: Path) -> None:
    async with buttoned(tmp_path, alertmanagers=["http://127.0.0.1:1"]) as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        path = (await links(channel))["silence"]
        for _ in range(2):
            status, text = await press(channel, path, person="Wang")
            assert (status, "Nothing was done" in text) == (503, True)
        assert ledger(f"sqlite:///{tmp_path}/outbox.db", DEEDS) == []
        assert len(channel.accepted) == 1


async def test_forged_old_and_outdated_links_do_nothing(tmp_path: Path) -> None:
    clock = Clock()
    async with buttoned(tmp_path, clock) as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        path = (await links(channel))["acknowledge"]
        for forged in (path[:-1] + ("A" if path[-1] != "A" else "B"), "/act/x", "/act/%C3%BC", path[:-5]):
            assert (await press(channel, forged, person="Wang"))[0] == 404
        await channel.post(body(alert(status="resolved")))
        await until(lambda: len(channel.accepted) == 2)
        status, text = await press(channel, path, person="Wang")
        assert (status, "everything is resolved" in text) == (409, True)
        clock.ahead = 3601
        status, text = await press(channel, path, person="Wang")
        assert (status, "too old" in text) == (410, True)
        assert ledger(f"sqlite:///{tmp_path}/outbox.db", DEEDS) == []


async def test_buttons_come_as_a_card_where_nobody_is_rung(tmp_path: Path) -> None:
    async with buttoned(tmp_path, robot={"cards": True, "language": "zh-TW"}) as channel:
        await channel.post(body())
        await until(lambda: len(channel.accepted) == 1)
        (card,) = channel.accepted
        assert card.message.kind == "actionCard"
        assert card.message.content is not None
        buttons = card.message.content["btns"]
        assert [one["title"] for one in buttons] == ["我來處理", "靜默"]
        path = buttons[0]["actionURL"].removeprefix("https://tapwatch.example")
        status, text = await opened(channel, path)
        assert (status, "您的姓名" in text) == (200, True)
        channel.break_cloud("errcode", count=1, errcode=40035)
        await channel.post(body(group="other"))
        await until(lambda: len(channel.accepted) == 2)
    assert channel.accepted[1].message.kind == "markdown", "a card that DingTalk does not take is sent without"


async def test_what_is_acknowledged_rings_nobody_else(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "people.yaml").write_text(
        "people: {wang: {name: Wang, user_id: u1}, chen: {name: Chen, user_id: u2}}\n"
        "teams: {facilities: {levels: [{people: [wang]}, {people: [chen]}]}}\n",
        encoding="utf-8",
    )
    async with buttoned(tmp_path, clock, people="./people.yaml") as channel:
        await channel.post(body(alert(team="facilities")))
        await until(lambda: len(channel.accepted) == 1)
        path = (await links(channel))["acknowledge"]
        assert 'value="Wang"' in (await opened(channel, path))[1]
        assert (await press(channel, path, person="Wang"))[0] == 200
        clock.ahead = 1000
        await asyncio.sleep(2)
        assert all("u2" not in one.message.mentioned for one in channel.accepted)
        worse = body(alert(team="facilities"), alert(team="facilities", fingerprint="f2", dispenser="other"))
        await channel.post(worse)
        await until(lambda: sum("u1" in one.message.mentioned for one in channel.accepted) == 2)
        clock.ahead = 2000
        await until(lambda: any("u2" in one.message.mentioned for one in channel.accepted))


@pytest.mark.parametrize("path", ["/act/x", "/picture/x.png"])
async def test_without_settings_there_are_no_such_pages(tmp_path: Path, path: str) -> None:
    async with running_channel(tmp_path) as channel, channel.session.get(f"{channel.bridge_url}{path}") as answer:
        assert answer.status == 404
