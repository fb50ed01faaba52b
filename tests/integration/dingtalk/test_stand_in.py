"""The stand-in over HTTP, and its chat page."""

import json
from pathlib import Path

from tests.integration.dingtalk.channel import TOKEN, write_settings
from tests.processes import running


async def test_what_was_received_is_listed_with_its_verdict(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, "http://127.0.0.1:1/robot/send")
    async with running(tmp_path, "dingtalk", "stand-in", f"--robots={settings}") as stand_in:
        status, answer = await stand_in.post(f"/robot/send?access_token={TOKEN}", data=b"{}")
        assert (status, json.loads(answer)["errcode"]) == (200, 310000)
        (one,) = json.loads((await stand_in.get("/messages"))[1])
        assert (one["robot"], one["accepted"], one["errcode"]) == ("ops", False, 310000)
        assert (await stand_in.get("/messages?after=1"))[1] == "[]"
        status, page = await stand_in.get("/")
        assert (status, "<title>Group chat" in page) == (200, True)
        assert TOKEN not in stand_in.log.read_text(encoding="utf-8")


async def test_faults_are_switched_over_http(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, "http://127.0.0.1:1/robot/send")
    async with running(tmp_path, "dingtalk", "stand-in", f"--robots={settings}") as stand_in:
        assert (await stand_in.post("/faults?kind=odd"))[0] == 400
        assert (await stand_in.post("/faults?kind=ban&count=x"))[0] == 400
        assert await stand_in.post("/faults?kind=http500&count=1") == (200, "http500 is on\n")
        assert (await stand_in.post("/robot/send", data=b"{}"))[0] == 500
        assert (await stand_in.post("/robot/send", data=b"{}"))[0] == 200


async def test_the_page_shows_a_message_as_text_whatever_is_in_it(tmp_path: Path) -> None:
    """From another sender than our bridge, which lets nothing of the kind through."""
    evil = "<script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3))"
    settings = write_settings(tmp_path, "http://127.0.0.1:1/robot/send", robot={"secret_file": None})
    message = json.dumps({"msgtype": "markdown", "markdown": {"title": "Tapwatch", "text": evil}}).encode()
    async with running(tmp_path, "dingtalk", "stand-in", f"--robots={settings}") as stand_in:
        _, answer = await stand_in.post(f"/robot/send?access_token={TOKEN}", data=message)
        assert json.loads(answer)["errcode"] == 0
        (one,) = json.loads((await stand_in.get("/messages"))[1])
    assert "<script" not in one["html"]
    assert "<img" not in one["html"]
    assert "href" not in one["html"]
