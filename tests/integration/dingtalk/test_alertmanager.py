"""A real Alertmanager before the bridge, and the stand-in behind it."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from alerting.dingtalk.bridge import Bridge
from tapwatch.web import Address, Server
from tapwatch.webconfig import WebGate
from tests.integration.dingtalk.alertmanager import (
    PATIENCE_SECONDS,
    PEER_SECONDS,
    alertmanager,
    alertmanager_pair,
    raise_alert,
)
from tests.integration.dingtalk.channel import Channel, ledger, running_channel, until


async def test_an_alert_arrives_once_and_its_end_too(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel, alertmanager(tmp_path, channel.bridge_url) as url:
        await raise_alert(channel.session, url, "DispenserLeak")
        await until(lambda: len(channel.accepted) == 1)
        await raise_alert(channel.session, url, "DispenserLeak", resolved=True)
        await until(lambda: len(channel.accepted) == 2)
        firing, resolved = channel.accepted
    assert firing.message.title == "Tapwatch 🔴 Critical: A dispenser leaks · lib-1f-east"
    assert resolved.message.title == "Tapwatch ✅ Resolved: A dispenser leaks · lib-1f-east"
    assert "Resolved after 2 min" in resolved.message.text


async def test_an_alert_that_dingtalk_did_not_take_is_tried_again_until_it_does(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel, alertmanager(tmp_path, channel.bridge_url) as url:
        channel.break_cloud("errcode", errcode=300001)
        await raise_alert(channel.session, url, "DispenserLeak")
        await until(lambda: len(channel.received) >= 3)
        assert channel.accepted == []
        channel.mend_cloud()
        await until(lambda: len(channel.accepted) == 1)
        await asyncio.sleep(1)
        assert len(channel.accepted) == 1


async def test_a_bridge_that_asks_for_certificates_takes_news_from_the_alertmanager_that_shows_one(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    for name in ("localhost", "alertmanager"):
        certificate = authority.issue_cert(name)
        certificate.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.crt"))
        certificate.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
    (tmp_path / "web.yaml").write_text(
        "tls_server_config: {cert_file: localhost.crt, key_file: localhost.key, client_ca_file: ca.crt, "
        "client_auth_type: RequireAndVerifyClientCert}\n",
        encoding="utf-8",
    )
    trust = {"ca_file": "ca.crt", "server_name": "localhost"}
    shown = trust | {"cert_file": "alertmanager.crt", "key_file": "alertmanager.key"}
    async with running_channel(tmp_path) as channel:
        bridge = Server(Bridge(channel.settings).service, WebGate(tmp_path / "web.yaml"))
        async with bridge.running(Address("127.0.0.1", 0)) as address:
            url = f"https://{address}"
            receivers = [_receiver_by_tls("known", url, shown), _receiver_by_tls("stranger", url, trust)]
            routes = [{"receiver": "stranger", "continue": True}, {"receiver": "known"}]
            async with alertmanager(tmp_path, url, route={"routes": routes}, receivers=receivers) as alertmanager_url:
                await raise_alert(channel.session, alertmanager_url, "DispenserLeak")
                await until(lambda: len(channel.accepted) == 1)
                await raise_alert(channel.session, alertmanager_url, "DispenserLeak", resolved=True)
                await until(lambda: len(channel.accepted) == 2)
                async with channel.session.get(f"{alertmanager_url}/metrics") as answer:
                    metrics = await answer.text()
    refused = r'^alertmanager_notification_requests_failed_total{integration="webhook"\S* [1-9]'
    assert re.search(refused, metrics, re.MULTILINE), "the stranger was let in"


def _receiver_by_tls(name: str, url: str, tls: Mapping[str, str]) -> dict[str, object]:
    webhook = {"url": f"{url}/dingtalk/ops", "send_resolved": True, "http_config": {"tls_config": tls}}
    return {"name": name, "webhook_configs": [webhook]}


async def test_what_came_while_dingtalk_was_down_arrives_when_it_is_back(tmp_path: Path) -> None:
    """Down for longer than a notification's patience, so that Alertmanager itself has to come again."""
    async with (
        running_channel(tmp_path, answer_within="200ms", settings={"patience": "1s"}) as channel,
        alertmanager(tmp_path, channel.bridge_url) as url,
    ):
        channel.break_cloud("hang")
        await raise_alert(channel.session, url, "DispenserLeak")
        await until(lambda: len(channel.received) >= 4)
        assert channel.accepted == []
        channel.mend_cloud()
        await until(lambda: len(channel.accepted) == 1)
        await asyncio.sleep(1)
        assert len(channel.accepted) == 1


async def test_alertmanager_itself_counts_what_was_not_delivered(tmp_path: Path) -> None:
    async with running_channel(tmp_path) as channel, alertmanager(tmp_path, channel.bridge_url) as url:
        channel.break_cloud("http500")
        await raise_alert(channel.session, url, "DispenserLeak")

        async def failed() -> bool:
            async with channel.session.get(f"{url}/metrics") as answer:
                text = await answer.text()
            lines = [line for line in text.splitlines() if line.startswith("alertmanager_notification_requests_failed")]
            return any('integration="webhook"' in line and not line.endswith(" 0") for line in lines)

        for _ in range(PATIENCE_SECONDS * 10):
            if await failed():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("Alertmanager counts no failure")


def told(channel: Channel) -> int:
    """Alerts in the group chat, those in digests included."""
    counts = (re.search(r"(\d+) resolved · ", one.message.title) for one in channel.accepted)
    return sum(1 if count is None else int(count[1]) for count in counts)


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "direct"])
async def test_a_pair_of_alertmanagers_tells_each_thing_once(tmp_path: Path, *, stored: bool) -> None:
    settings = {"outbox": f"sqlite:///{tmp_path}/outbox.db"} if stored else {}
    async with (
        running_channel(tmp_path, settings=settings) as channel,
        alertmanager_pair(tmp_path, channel.bridge_url) as urls,
    ):
        started = datetime.now(UTC) - timedelta(minutes=1)
        for resolved in (False, True):
            for name in ("A", "B", "C", "D"):
                for url in urls:
                    await raise_alert(channel.session, url, name, started=started, resolved=resolved)
            await until(lambda: told(channel) >= 4 * (1 + resolved))  # noqa: B023 - awaited here
        await asyncio.sleep(PEER_SECONDS + 2)  # the second one's copies
    assert told(channel) == 8


async def test_what_a_killed_alertmanager_left_is_in_the_ledger(tmp_path: Path) -> None:
    """It has heard 200, and never comes again."""
    outbox = f"sqlite:///{tmp_path}/outbox.db"
    async with running_channel(tmp_path, settings={"outbox": outbox}) as channel:
        channel.break_cloud("hang")
        async with alertmanager(tmp_path, channel.bridge_url) as url:
            await raise_alert(channel.session, url, "DispenserLeak")
            await until(lambda: len(channel.received) >= 1)
        channel.mend_cloud()
        await until(lambda: ledger(outbox, "SELECT state FROM notification") == [("delivered",)])
    assert len(channel.accepted) == 1
