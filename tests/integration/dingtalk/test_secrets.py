"""No failure shows a token, a secret or anybody's number: not the answer, not a metric, not the log."""

import ssl
import traceback
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from alerting.dingtalk.errcode import MEANINGS
from alerting.dingtalk.robot import Robot
from alerting.dingtalk.settings import load_settings
from alerting.dingtalk.standin.faults import Kind
from laboratory.notifications import alert, body
from laboratory.processes import running
from tapwatch.errors import DeliveryError, DeliveryReason
from tapwatch.web import free_port
from tests.integration.dingtalk.channel import SECRET, TOKEN, running_channel, write_settings

MOBILE = "13800000000"
ECHO = f"token {TOKEN} secret {SECRET} owner {MOBILE}, +86{MOBILE}."


async def test_no_failure_of_a_running_bridge_shows_a_secret(tmp_path: Path) -> None:
    """Every fault and errcode, with a DingTalk that repeats all it knows, and faults of our own."""
    async with running_channel(tmp_path) as channel:
        url = load_settings(channel.settings).robots["ops"].url
        generous = {"rate_limit": {"messages": 100_000, "mute": "0"}}
        settings = write_settings(tmp_path, url, timeout="50ms", robot=generous)
        async with running(tmp_path, "dingtalk", f"--config.file={settings}", "--log.level=debug") as bridge:
            seen, reasons = [], set()
            faults = [(kind, -1) for kind in Kind] + [(Kind.ERRCODE, errcode) for errcode in (*MEANINGS, 987654)]
            faults.sort(key=lambda one: one[0] in {Kind.BAN, Kind.BAN_PAGE})  # these make the robot pause
            for number, (kind, errcode) in enumerate(faults):
                channel.break_cloud(kind, errcode=errcode, errmsg=ECHO, seconds=0.1)
                one = alert(fingerprint=str(number), mobile=MOBILE, annotations={"summary": MOBILE})
                status, text = await bridge.post("/dingtalk/ops", data=body(one, group=str(number)))
                assert status in {422, 503}
                reasons.add(text.partition(":")[0])
                seen.append(text)
            seen.append((await bridge.post(f"/dingtalk/{TOKEN}", data=body()))[1])
            seen.append((await bridge.post("/dingtalk/ops", data=f'{{"groupKey": "{MOBILE}"}}'.encode()))[1])
            seen += [await bridge.metrics(), (await bridge.get("/"))[1]]
            settings.write_text(f"robots: {{ops: {{access_token: {TOKEN}, secret: {SECRET}}}}}", encoding="utf-8")
            status, text = await bridge.post("/-/reload")
            assert status == 500
            seen.append(text)
            seen.append(bridge.log.read_text(encoding="utf-8"))
    everything = "\n".join(seen)
    of_others = {DeliveryReason.CONNECT, DeliveryReason.TLS, DeliveryReason.FORBIDDEN, DeliveryReason.NOT_TAKEN}
    assert reasons >= set(DeliveryReason) - of_others
    assert "notification.not_delivered" in everything
    assert "token *** secret *** owner ***, +***." in everything, "DingTalk's own words are shown, but for these"
    for secret in (TOKEN, SECRET, MOBILE):
        assert secret not in everything


async def answer_badly(_request: web.Request) -> web.Response:
    return web.Response(text="x")


@pytest.mark.parametrize("server", ["refuses", "untrusted"])
async def test_no_error_of_the_connection_shows_a_secret(tmp_path: Path, server: str) -> None:
    """What the library itself raises knows the whole address."""
    port = free_port()
    application = web.Application()
    application.router.add_post("/robot/send", answer_badly)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        if server == "untrusted":
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        robot = load_settings(write_settings(tmp_path, f"https://127.0.0.1:{port}/robot/send")).robots["ops"]
        async with aiohttp.ClientSession() as session:
            with pytest.raises(DeliveryError) as caught:
                await Robot(robot, session, 1.0, lambda: 1_790_000_000.0).call(b"{}")
    finally:
        await runner.cleanup()
    assert caught.value.reason == {"refuses": "connect", "untrusted": "tls"}[server]
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in shown
    assert SECRET not in shown
