"""The stand-in over HTTP, and its chat page."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alerting.dingtalk.standin.faults import Kind
from laboratory.processes import Running, run_to_end, running
from tests.integration.dingtalk.channel import TOKEN, write_settings

UNSIGNED = {"secret_file": None}
SEND = f"/robot/send?access_token={TOKEN}"


@asynccontextmanager
async def running_stand_in(folder: Path, *options: str) -> AsyncIterator[Running]:
    settings = write_settings(folder, "http://127.0.0.1:1/robot/send", robot=UNSIGNED)
    async with running(folder, "dingtalk", "stand-in", f"--robots={settings}", *options) as stand_in:
        yield stand_in


async def send(stand_in: Running, text: str = "Tapwatch says", **more: object) -> int:
    """What a robot does; returns the errcode."""
    message = {"msgtype": "markdown", "markdown": {"title": "Tapwatch", "text": text}, **more}
    _, answer = await stand_in.post(SEND, json=message)
    return int(json.loads(answer)["errcode"])


async def messages(stand_in: Running, query: str = "") -> Any:  # noqa: ANN401 - JSON
    return json.loads((await stand_in.get(f"/messages{query}"))[1])


async def test_what_was_received_is_listed_with_its_verdict(tmp_path: Path) -> None:
    async with running_stand_in(tmp_path) as stand_in:
        assert await send(stand_in) == 0
        assert await send(stand_in, "x" * 20_000) == 460101
        taken, refused = await messages(stand_in)
        assert (taken["robot"], taken["accepted"], taken["title"], taken["text"]) == (
            "ops",
            True,
            "Tapwatch",
            "Tapwatch says",
        )
        assert (refused["accepted"], refused["errcode"]) == (False, 460101)
        assert refused["bytes"] > 20_000
        assert await messages(stand_in, "?after=1") == [refused]
        assert await messages(stand_in, "?after=2") == []
        assert (await stand_in.get("/messages?after=x"))[0] == 400
        assert TOKEN not in stand_in.log.read_text(encoding="utf-8")


async def test_whoever_is_mentioned_must_stand_in_the_text_too(tmp_path: Path) -> None:
    async with running_stand_in(tmp_path) as stand_in:
        assert await send(stand_in, "Tapwatch: @u1", at={"atUserIds": ["u1", "u2"], "isAtAll": True}) == 0
        (one,) = await messages(stand_in)
    assert one["mentions"] == ["u1", "all"]
    assert one["notes"] == ["nobody's phone rings for u2: @u2 does not stand in the text"]


async def test_the_page_learns_of_a_message_when_it_comes(tmp_path: Path) -> None:
    async with running_stand_in(tmp_path) as stand_in:
        waiting = asyncio.create_task(messages(stand_in, "?after=0&wait=2"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await send(stand_in)
        started = time.monotonic()
        assert len(await waiting) == 1
        assert time.monotonic() - started < 1


async def test_the_page_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with running_stand_in(tmp_path) as stand_in:
        pages = [await stand_in.get(path) for path in ("/", "/chat.css", "/chat.js")]
    assert [status for status, _ in pages] == [200, 200, 200]
    assert "<title>Group chat" in pages[0][1]
    assert not any("http://" in text or "https://" in text for _, text in pages)


async def test_the_page_shows_a_message_as_text_whatever_is_in_it(tmp_path: Path) -> None:
    """From another sender than our bridge, which lets nothing of the kind through."""
    evil = "Tapwatch <script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3))"
    async with running_stand_in(tmp_path) as stand_in:
        assert await send(stand_in, evil) == 0
        (one,) = await messages(stand_in)
    assert "<script" not in one["html"]
    assert "<img" not in one["html"]
    assert "href" not in one["html"]


async def test_faults_are_switched_over_http(tmp_path: Path) -> None:
    async with running_stand_in(tmp_path) as stand_in:
        assert await stand_in.post("/faults?kind=odd") == (
            400,
            f"no fault is named 'odd'; there are: {', '.join(Kind)}\n",
        )
        assert (await stand_in.post("/faults?kind=ban&count=x"))[0] == 400
        assert (await stand_in.post("/faults?kind=errcode"))[0] == 400
        assert await stand_in.post("/faults?kind=errcode&errcode=88&count=1") == (200, "errcode is on\n")
        assert json.loads((await stand_in.get("/faults"))[1])["on"] == {"kind": "errcode", "remaining": 1}
        assert [await send(stand_in), await send(stand_in)] == [88, 0]
        await stand_in.post("/faults?kind=http500")
        assert [(await stand_in.post(SEND, json={}))[0] for _ in range(2)] == [500, 500]


async def test_a_minute_and_a_mute_can_pass_faster(tmp_path: Path) -> None:
    async with running_stand_in(tmp_path, "--time-factor=600") as stand_in:
        codes = await asyncio.gather(*(send(stand_in) for _ in range(60)))
        assert 130101 in codes
        await asyncio.sleep(1.1)
        assert await send(stand_in) == 0


@pytest.mark.parametrize("waiting", ["/messages?after=0&wait=60", "hang"])
async def test_whoever_waits_does_not_hold_up_the_end(tmp_path: Path, waiting: str) -> None:
    async with running_stand_in(tmp_path) as stand_in:
        if waiting == "hang":
            await stand_in.post("/faults?kind=hang")
            call = asyncio.create_task(stand_in.post(SEND, json={}))
            await asyncio.sleep(0.2)
            call.cancel()
        else:
            call = asyncio.create_task(stand_in.get(waiting))
            await asyncio.sleep(0.2)
        started = time.monotonic()
        stand_in.process.terminate()
        await asyncio.wait([call])
        assert await stand_in.process.wait() == 0
        assert time.monotonic() - started < 30, "the one waits for a minute, the other for ever"


async def test_wrong_command_lines_are_answered_with_what_would_be_right(tmp_path: Path) -> None:
    status, _, err = await run_to_end("dingtalk")
    assert (status, "--config.file=FILE is needed: it names the robots" in err) == (2, True)
    status, _, err = await run_to_end("dingtalk", "stand-in")
    assert (status, "Missing option '--robots'" in err) == (2, True)
    status, _, err = await run_to_end("dingtalk", "stand-in", f"--robots={tmp_path}/none.yaml")
    assert (status, "none.yaml: cannot be read" in err) == (2, True)
