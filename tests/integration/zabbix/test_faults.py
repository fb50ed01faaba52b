"""What goes wrong between the bridge and Zabbix: a reason, a clear message, and delivery once the fault is gone."""

import asyncio
from pathlib import Path

import pytest

from laboratory.notifications import alert, body
from laboratory.processes import Running
from laboratory.servers.confined import SESSION
from laboratory.servers.zabbix import new_port
from laboratory.servers.zabbixstage import Stage, sample, until, until_async

pytestmark = [pytest.mark.timeout(300), pytest.mark.root]  # a busy machine takes several times as long

NASTY = "a/b\\c:d*e?f\"g<h>i|j'k,l;m{n}o$p%q^r&s(t)u[v]w#x@y!z~ü水😀\t\n\u202e{$SECRET}{HOST.HOST}{?1+1}{#LLD}"


async def taken(bridge: Running, fingerprint: str, dispenser: str = "lib-1f-east") -> bool:
    """Whether Zabbix takes the alert now."""
    return (await bridge.post("/zabbix", data=body(alert(fingerprint=fingerprint, dispenser=dispenser))))[0] == 200


async def test_a_wrong_token_is_told_and_never_shown_and_a_right_one_delivers(zabbix_server: Stage) -> None:
    wrong = zabbix_server.folder / "wrong.token"
    wrong.write_text("fedcba9876543210" * 4, encoding="utf-8")
    async with zabbix_server.bridge(token_file="./wrong.token") as bridge:
        status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="fa01")))
        assert status == 503
        assert text.startswith("bad_token: 1 of 1 alerts: Zabbix refuses ")
        assert sample(await bridge.metrics(), 'tapwatch_zabbix_notifications_total{result="bad_token"}') == 1
        shown = text + await bridge.metrics() + bridge.log.read_text(encoding="utf-8")
        assert "fedcba9876543210" not in shown
        wrong.write_text(zabbix_server.token, encoding="utf-8")
        assert (await bridge.post("/-/reload"))[0] == 200
        await until_async("it is taken", lambda: taken(bridge, "fa01"))
        shown = await bridge.metrics() + bridge.log.read_text(encoding="utf-8")
        assert zabbix_server.token not in shown


async def test_an_account_that_may_not_read_the_template_is_told_to_provision(zabbix_server: Stage) -> None:
    api = zabbix_server.zabbix.api
    role = api("role.get", filter={"name": "Admin role"}, output=["roleid"])[0]["roleid"]
    group = api("usergroup.create", name="Nobody's")["usrgrpids"][0]
    poor = {"username": "poor", "passwd": "a-long-Word-1c4d", "roleid": role, "usrgrps": [{"usrgrpid": group}]}
    user = api("user.create", **poor)["userids"][0]
    token = zabbix_server.zabbix.new_token(zabbix_server.zabbix.token, "poor", user)
    (zabbix_server.folder / "poor.token").write_text(token, encoding="utf-8")
    async with zabbix_server.bridge(token_file="./poor.token") as bridge:
        status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="fb01")))
        assert status == 503
        assert text.startswith("forbidden: ")
        assert "run tapwatch zabbix provision" in text


async def test_a_role_that_may_not_call_a_method_is_told_which(zabbix_server: Stage) -> None:
    api = zabbix_server.zabbix.api
    rules = {"api.access": 1, "api.mode": 1, "api": ["host.get", "template.get", "hostgroup.get"]}
    role = api("role.create", name="Reader", type=2, rules=rules)["roleids"][0]
    group = api("usergroup.get", filter={"name": "Tapwatch bridge"}, output=["usrgrpid"])[0]["usrgrpid"]
    reader = {"username": "reader", "passwd": "a-long-Word-8e2a", "roleid": role, "usrgrps": [{"usrgrpid": group}]}
    user = api("user.create", **reader)["userids"][0]
    token = zabbix_server.zabbix.new_token(zabbix_server.zabbix.token, "reader", user)
    (zabbix_server.folder / "reader.token").write_text(token, encoding="utf-8")
    async with zabbix_server.bridge(token_file="./reader.token") as bridge:
        status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="fb02")))
        assert status == 503
        assert text.startswith("forbidden: ")
        assert "history.push" in text


@pytest.mark.parametrize("values", ["history.push", "trapper"])
async def test_a_server_that_is_down_gets_the_alert_when_it_is_back(zabbix_server: Stage, values: str) -> None:
    fingerprint = f"fc{len(values)}"
    async with zabbix_server.bridge(values=values, timeout="5s", patience="6s") as bridge:
        zabbix_server.zabbix.server.kill()
        try:
            status, text = await bridge.post("/zabbix", data=body(alert(fingerprint=fingerprint)))
            assert status == 503
            assert text.partition(":")[0] in {"bad_message", "connect", "disconnect", "not_taken"}
        finally:
            zabbix_server.zabbix.restart_server()
        await until_async("it is taken", lambda: taken(bridge, fingerprint))
        await until("the problem", lambda: len(zabbix_server.problems(fingerprint=fingerprint)) == 1)


async def test_an_api_that_hangs_is_given_up_in_time_and_gets_the_alert_later(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge(timeout="2s", patience="5s") as bridge:
        assert await taken(bridge, "fd01")
        zabbix_server.zabbix.web.pause()
        try:
            status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="fd02")))
            assert status == 503
            assert text.partition(":")[0] in {"timeout", "connect"}
        finally:
            zabbix_server.zabbix.web.resume()
        await until_async("it is taken", lambda: taken(bridge, "fd02"))


async def test_a_trapper_that_hangs_is_given_up_in_time_and_gets_the_alert_later(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge(values="trapper", timeout="2s", patience="5s") as bridge:
        zabbix_server.zabbix.server.pause()
        try:
            status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="fd03")))
            assert status == 503
            assert text.startswith("timeout: ")
            assert f"127.0.0.1:{zabbix_server.zabbix.server_port}" in text
        finally:
            zabbix_server.zabbix.server.resume()
        await until_async("it is taken", lambda: taken(bridge, "fd03"))


async def test_the_trapper_serves_as_well_and_one_refused_value_holds_up_no_other(zabbix_server: Stage) -> None:
    """The trapper says how many failed, and not which: one item is disabled among eight."""
    fingerprints = [f"fe0{number}" for number in range(8)]
    alerts = [alert("Eight", fingerprint=one) for one in fingerprints]
    resolved = [{**one, "status": "resolved"} for one in alerts]
    async with zabbix_server.bridge(values="trapper", patience="20s") as bridge:
        assert (await bridge.post("/zabbix", data=body(*alerts)))[0] == 200
        api = zabbix_server.zabbix.api
        item = api("item.get", filter={"key_": "tapwatch.alert[fe03]"}, output=["itemid"])[0]["itemid"]
        api("item.update", itemid=item, status=1)
        again = {**alerts[3], "startsAt": "2026-11-21T11:31:00Z"}
        status, text = await bridge.post("/zabbix", data=body(*[*resolved[:3], again, *resolved[4:]]))
        assert status == 503
        assert text.startswith("not_taken: 1 of 8 alerts: ")
        await until("the others recovered", lambda: len(zabbix_server.problems(alertname="Eight")) <= 1)
        api("item.update", itemid=item, status=0)
        await until_async("all is taken", lambda: _all_taken(bridge, body(*resolved)))
        await until("all recovered", lambda: not zabbix_server.problems(alertname="Eight"))


async def _all_taken(bridge: Running, news: bytes) -> bool:
    return (await bridge.post("/zabbix", data=news))[0] == 200


async def test_a_host_that_was_removed_is_made_again(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge(patience="8s") as bridge:
        assert await taken(bridge, "ff01", dispenser="removed")
        host = zabbix_server.host("tapwatch.dispenser.removed")
        assert host is not None
        zabbix_server.zabbix.delete("host", host["hostid"])
        await until_async("it is taken", lambda: taken(bridge, "ff02", dispenser="removed"))
        assert zabbix_server.host("tapwatch.dispenser.removed") is not None


async def test_what_is_about_a_disabled_host_is_told_of_tapwatchs_own(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge() as bridge:
        assert await taken(bridge, "f001", dispenser="disabled")
        host = zabbix_server.host("tapwatch.dispenser.disabled")
        assert host is not None
        zabbix_server.zabbix.api("host.update", hostid=host["hostid"], status=1)
    async with zabbix_server.bridge() as bridge:
        assert await taken(bridge, "f002", dispenser="disabled")
        problem = (await until("the problem", lambda: zabbix_server.problems(fingerprint="f002")))[0]
        assert zabbix_server.event(problem)["hosts"][0]["host"] == "tapwatch.stack.tapwatch"


async def test_a_name_with_every_character_that_zabbix_forbids_arrives(zabbix_server: Stage) -> None:
    """Nor does Zabbix expand what looks like a macro: an alert's words could ask for a secret."""
    zabbix_server.zabbix.api("usermacro.createglobal", macro="{$SECRET}", value="leaked-7731")
    one = alert(NASTY, fingerprint="f101", annotations={"summary": NASTY, "description": NASTY * 50}, dispenser=NASTY)
    async with zabbix_server.bridge() as bridge:
        assert (await bridge.post("/zabbix", data=body(one))) == (200, "taken\n")
        problem = (await until("the problem", lambda: zabbix_server.problems(fingerprint="f101")))[0]
        event = zabbix_server.event(problem)
        assert "水😀" in problem["name"]
        assert "水😀" in event["hosts"][0]["name"]
        assert "leaked-7731" not in str(event) + str(problem)


async def test_a_host_that_zabbix_refuses_holds_up_neither_its_own_alerts_nor_others(zabbix_server: Stage) -> None:
    """Somebody's host has the visible name that ours would have."""
    group = zabbix_server.zabbix.api("hostgroup.create", name="Elsewhere")["groupids"][0]
    zabbix_server.zabbix.api("host.create", host="theirs", name="Dispenser clash", groups=[{"groupid": group}])
    alerts = [alert("Clash", fingerprint=f"f11{name}", dispenser=name) for name in ("clash", "clear")]
    async with zabbix_server.bridge() as bridge:
        assert (await bridge.post("/zabbix", data=body(*alerts))) == (200, "taken\n")
        assert "host.refused" in bridge.log.read_text(encoding="utf-8")
    hosts = {zabbix_server.event(one)["hosts"][0]["host"] for one in zabbix_server.problems(alertname="Clash")}
    assert hosts == {"tapwatch.stack.tapwatch", "tapwatch.dispenser.clear"}


@pytest.mark.parametrize("values", ["history.push", "trapper"])
async def test_a_trapper_whose_queue_is_full_gets_the_alert_when_it_has_room(zabbix_server: Stage, values: str) -> None:
    """Silent connections keep every trapper busy; both ways of sending end there."""
    port = zabbix_server.zabbix.server_port
    fingerprint = f"f12{len(values)}"
    async with zabbix_server.bridge(values=values, timeout="3s", patience="6s") as bridge:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        status, text = await bridge.post("/zabbix", data=body(alert(fingerprint=fingerprint)))
        assert status == 503
        assert text.partition(":")[0] in {"timeout", "bad_message", "not_taken"}
        for _, writer in silent:
            writer.close()
            await writer.wait_closed()
        await until_async("it is taken", lambda: taken(bridge, fingerprint))
        assert len(zabbix_server.problems(fingerprint=fingerprint)) == 1


async def test_a_database_that_hangs_confirms_nothing_and_gets_the_alert_later(zabbix_server: Stage) -> None:
    """The trapper itself accepts values meanwhile: that alone must not count."""
    async with zabbix_server.bridge(values="trapper", timeout="3s", patience="6s") as bridge:
        assert await taken(bridge, "f131")
        zabbix_server.zabbix.postgresql.pause()
        try:
            status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="f131", status="resolved")))
            assert status == 503
            assert text.startswith("timeout: ")
        finally:
            zabbix_server.zabbix.postgresql.resume()
        resolved = body(alert(fingerprint="f131", status="resolved"))
        await until_async("it is taken", lambda: _all_taken(bridge, resolved))
        assert not zabbix_server.problems(fingerprint="f131")


async def test_a_payload_that_is_none_is_told_so(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge() as bridge:
        status, text = await bridge.post("/zabbix", data=b'{"version": "4"}')
        assert status == 400
        assert text.startswith("not Alertmanager's webhook payload: ")
        status, text = await bridge.post("/zabbix/events", data=b'{"event_id": "drop table"}')
        assert status == 400
        assert text.startswith("not a call of Zabbix' media type: event_id: ")


async def test_zabbix_opens_a_problem_while_the_bridge_is_silent(zabbix_server: Stage) -> None:
    """Its nodata trigger waits for 30 s here, and is judged every 30 s."""

    def silent() -> bool:
        problems = zabbix_server.problems(source="tapwatch")
        return any(one["name"] == "The bridge from Alertmanager is silent" for one in problems)

    await until("it is missed", silent, 120)
    async with zabbix_server.bridge():
        await until("it is heard", lambda: not silent(), 120)


async def test_a_bad_reload_keeps_the_old_settings(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge() as bridge:
        zabbix_server.config.write_text("api_url: nowhere\n", encoding="utf-8")
        status, text = await bridge.post("/-/reload")
        assert status == 500
        assert "api_url: must be a URL" in text
        assert "token_file: is missing" in text
        assert await taken(bridge, "f201")


async def test_two_bridges_at_once_double_nothing(zabbix_server: Stage) -> None:
    alerts = [alert("Both", fingerprint=f"f30{number}", dispenser=f"both-{number}") for number in range(6)]
    async with zabbix_server.bridge() as one, zabbix_server.bridge() as other:
        answers = await asyncio.gather(*(bridge.post("/zabbix", data=body(*alerts)) for bridge in (one, other)))
        assert [status for status, _ in answers] == [200, 200]
        problems = zabbix_server.problems(alertname="Both")
        hosts = {zabbix_server.event(one)["hosts"][0]["host"] for one in problems}
        assert len(problems) == 6
        assert hosts == {f"tapwatch.dispenser.both-{number}" for number in range(6)}


async def test_hosts_behind_a_zabbix_proxy_get_their_values_through_it(zabbix_server: Stage) -> None:
    """The server refuses values for a host that a proxy watches: the trapper's address is the proxy's then."""
    zabbix = zabbix_server.zabbix
    async with zabbix_server.bridge() as bridge:
        assert await taken(bridge, "f401", dispenser="remote")
    proxy = zabbix.api("proxy.create", name="edge", operating_mode=0)["proxyids"][0]
    host = zabbix_server.host("tapwatch.dispenser.remote")
    assert host is not None
    port = new_port()
    config = zabbix.write_settings(
        "proxy.conf",
        f"Server=127.0.0.1:{zabbix.server_port}\nHostname=edge\nListenIP=127.0.0.1\nListenPort={port}\n"
        f"DBName={SESSION}/proxy.db\nLogType=console\nPidFile={SESSION}/proxy.pid\nSocketDir={SESSION}/proxy\n"
        "ProxyConfigFrequency=1\nDataSenderFrequency=1\nStartPollers=1\n",
    )
    (zabbix.folder / "proxy").mkdir()
    (zabbix.folder / "proxy").chmod(0o777)
    zabbix.api("host.update", hostid=host["hostid"], monitored_by=1, proxyid=proxy)
    running = zabbix.confined_daemon("zabbix_proxy", "zabbix_proxy", "-f", "-c", config)
    try:
        async with zabbix_server.bridge(values="trapper", server=f"127.0.0.1:{port}", patience="30s") as bridge:
            await until_async("it is taken", lambda: taken(bridge, "f402", dispenser="remote"), 100)
        await until("the problem", lambda: zabbix_server.problems(fingerprint="f402"))
    finally:
        running.stop()


def test_nothing_stays_mounted(zabbix_server: Stage) -> None:
    """The mounts of the confined servers are theirs alone."""
    assert str(zabbix_server.zabbix.root) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
