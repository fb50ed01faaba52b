"""Zabbix 6.0, without history.push, by the trapper: both ways."""

import pytest

from laboratory.notifications import alert, body
from laboratory.processes import running
from laboratory.servers.zabbixstage import Stage, until, until_async
from tests.integration.zabbix.test_acknowledge import ACKNOWLEDGE, MESSAGE, Story, person
from tests.integration.zabbix.test_back import Machine, both_ways, firing

pytestmark = [pytest.mark.timeout(300), pytest.mark.root]  # a busy machine takes several times as long


async def test_alerts_become_problems_and_recover(old_zabbix_server: Stage) -> None:
    severities = {"aa01": "critical", "aa02": "warning", "aa03": "info"}
    alerts = [alert("Old", fingerprint=one, severity=severity) for one, severity in severities.items()]
    async with old_zabbix_server.bridge() as bridge:
        assert await bridge.post("/zabbix", data=body(*alerts)) == (200, "taken\n")
        problems = old_zabbix_server.problems(alertname="Old")
        assert sorted(one["severity"] for one in problems) == ["1", "2", "4"]
        resolved = [{**one, "status": "resolved"} for one in alerts]
        assert (await bridge.post("/zabbix", data=body(*resolved)))[0] == 200
        await until("the recoveries", lambda: not old_zabbix_server.problems(alertname="Old"))


async def test_without_a_trapper_in_the_settings_it_says_what_is_missing(old_zabbix_server: Stage) -> None:
    async with old_zabbix_server.bridge(server=None) as bridge:
        status, text = await bridge.post("/zabbix", data=body(alert(fingerprint="bb01")))
        assert status == 503
        assert "this Zabbix has no history.push, and the settings name no `server`" in text


async def test_a_machines_problem_fires_in_alertmanager_until_it_recovers(old_zabbix_server: Stage) -> None:
    machine = Machine(old_zabbix_server)
    async with both_ways(old_zabbix_server) as (_, url):
        machine.break_it()
        found = (await until_async("the alert", lambda: firing(url, source="zabbix", host="Lab node")))[0]
        assert found["labels"]["host_group"] == "Machines"
        machine.mend()
        await until("it is over", lambda: not machine.problem())


async def test_acknowledgements_are_in_step(old_zabbix_server: Stage) -> None:
    async with both_ways(old_zabbix_server) as (_, url):
        story = Story(old_zabbix_server, url, "OldAcknowledged")
        await story.begin()
        story.update(ACKNOWLEDGE | MESSAGE, "On my way", person(old_zabbix_server))
        silence = (await until_async("the silence", story.silences))[0]
        assert silence["createdBy"] == "Mei Chen (chen)"
        await story.end()


async def test_not_even_the_most_talkative_log_holds_the_token(old_zabbix_server: Stage) -> None:
    """Before 6.4 the token stands in each request's body, which pyzabbix would log."""
    config = old_zabbix_server.configure()
    async with running(old_zabbix_server.folder, "zabbix", f"--config.file={config}", "--log.level=debug") as bridge:
        assert (await bridge.post("/zabbix", data=body(alert(fingerprint="cc01"))))[0] == 200
        log = bridge.log.read_text(encoding="utf-8")
        assert '"level": "debug"' in log
        assert old_zabbix_server.token not in log
