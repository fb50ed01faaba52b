"""The record page: everything that came, searchable, nothing secret; and what is sent again."""

from pathlib import Path

from laboratory.notifications import alert, body
from laboratory.processes import run_to_end
from tests.integration.dingtalk.channel import SECRET, TOKEN, ledger, running_channel, until

MOBILE = "13800000000"
STATES = "SELECT state, count(*) FROM notification GROUP BY state"


async def test_every_notification_is_found_with_its_state_and_messages(tmp_path: Path, outbox: str) -> None:
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        for number in range(60):
            one = alert(fingerprint=str(number), dispenser=f"lib-{number:02}", severity="info")
            assert (await channel.post(body(one, group=f"g{number}")))[0] == 200
        await until(lambda: ledger(outbox, STATES) == [("delivered", 60)])
        first = await channel.get("/records")
        assert first.count('<td class="delivered">delivered</td>') == 50 + 1, "the robot's state is one of them"
        assert "/records?before=11" in first
        assert (await channel.get("/records?before=11")).count('<td class="delivered">') == 10 + 1
        found = await channel.get("/records?q=lib-07&robot=ops&state=delivered")
        assert 'href="/records/8"' in found
        assert found.count("/records/") == 1
        assert "Nothing is found." in await channel.get("/records?q=%25")
        page = await channel.get("/records/8")
    assert "dispenser=&#34;lib-07&#34;" in page
    assert "by ops as markdown" in page


async def test_a_robot_that_fails_is_shown_with_what_mends_it(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("errcode", errcode=300001)
        await channel.post(body())
        await until(lambda: len(channel.received) == 1)
        await until(lambda: ledger(outbox, "SELECT reason FROM notification") == [("bad_token",)])
        page = await channel.get("/records")
        assert 'tapwatch_robot_failure_info{reason="bad_token",robot="ops"} 1.0' in await channel.metrics()
    assert "bad_token" in page
    assert "take the access token from the robot&#39;s webhook address again" in page
    assert '<td class="waiting">waiting: bad_token</td>' in page


async def test_no_page_shows_a_secret_or_a_number_or_runs_what_others_wrote(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    evil = alert(site="<script>alert(1)</script>", owner=MOBILE, annotations={"summary": f"call {MOBILE}"})
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        await channel.post(body(evil, group=f"<b>{MOBILE}</b>"))
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        pages = [await channel.get(path) for path in ("/records", "/records/1", "/records?q=<i>", "/style.css")]
    everything = "\n".join(pages)
    assert "<script" not in everything
    assert "<b>" not in everything
    assert "<i>" not in everything
    for secret in (TOKEN, SECRET, MOBILE):
        assert secret not in everything


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        for path in ("/records/1", "/records/x", f"/records/{10**30}"):
            assert await channel.get(path) == "no notification has this number\n"
    async with running_channel(tmp_path) as channel:
        assert await channel.get("/records") == "there is no outbox in the settings, so nothing is recorded\n"


async def test_a_stored_notification_is_sent_again(tmp_path: Path, outbox: str) -> None:
    async with running_channel(tmp_path, settings={"outbox": outbox}, robots=["second"]) as channel:
        await channel.post(body())
        await until(lambda: ledger(outbox, STATES) == [("delivered", 1)])
        command = ("dingtalk", "replay", f"--config.file={channel.settings}")
        assert await run_to_end(*command, "1") == (0, "notification 1 is in the outbox again as 2\n", "")
        assert (await run_to_end(*command, "--robot=second", "1"))[0] == 0
        await until(lambda: ledger(outbox, STATES) == [("delivered", 3)])
        assert sorted(one.robot for one in channel.accepted) == ["ops", "ops", "second"]
        status, _, err = await run_to_end(*command, "99")
        assert (status, err) == (1, "error: no notification has the number 99\n")
        status, _, err = await run_to_end(*command, "--robot=opps", "1")
        assert (status, err) == (1, "error: no robot is named 'opps'; there are: ops, second\n")


async def test_replay_without_an_outbox_says_so(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel:
        status, _, err = await run_to_end("dingtalk", "replay", f"--config.file={channel.settings}", "1")
    assert (status, "there is no outbox, so nothing is stored" in err) == (1, True)


async def test_a_webhook_with_a_token_takes_nothing_without_it(tmp_path: Path) -> None:
    (tmp_path / "webhook.token").write_text("w3bhook", encoding="utf-8")
    settings = {"webhook_token_file": "./webhook.token", "watchdogs": {"main": {"tell": ["ops"]}}}
    async with running_channel(tmp_path, settings=settings) as channel:
        for wrong in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Bearer ü"}):
            assert await channel.post(body(), headers=wrong) == (401, "Unauthorized\n")
        async with channel.session.post(f"{channel.bridge_url}/watchdog/main", data=body()) as answer:
            assert answer.status == 401
        assert channel.received == []
        assert await channel.post(body(), headers={"Authorization": "Bearer w3bhook"}) == (200, "delivered\n")
