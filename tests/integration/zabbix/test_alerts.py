"""Alertmanager's alerts in a real Zabbix, as people see them there."""

import hashlib
from typing import Any

import pytest

from laboratory.notifications import alert, body
from laboratory.servers.zabbixstage import Stage, alertmanager, until

pytestmark = [pytest.mark.timeout(300), pytest.mark.root]  # a busy machine takes several times as long


async def test_an_alert_becomes_a_problem_of_its_dispenser_and_recovers(zabbix_server: Stage) -> None:
    one = alert(
        dispenser="lib-1f-east", fingerprint="aa01", annotations={"dashboard_url": "https://grafana.example/d/x"}
    )
    async with zabbix_server.bridge() as bridge:
        assert await bridge.post("/zabbix", data=body(one)) == (200, "taken\n")
        problem = (await until("the problem", lambda: zabbix_server.problems(fingerprint="aa01")))[0]
        event = zabbix_server.event(problem)
        assert problem["name"] == "DispenserLeak: A dispenser leaks"
        assert problem["severity"] == "4"
        tags = {tag["tag"]: tag["value"] for tag in problem["tags"]}
        assert tags["source"] == "tapwatch"
        assert tags["site"] == "main-campus"
        assert tags["runbook"] == "https://example.org/runbooks/DispenserLeak.md"
        assert event["hosts"][0]["host"] == "tapwatch.dispenser.lib-1f-east"
        assert event["relatedObject"]["url"] == "https://grafana.example/d/x"
        assert "https://example.org/runbooks/DispenserLeak.md" in event["relatedObject"]["comments"]
        resolved = {**one, "status": "resolved"}
        assert (await bridge.post("/zabbix", data=body(resolved)))[0] == 200
        await until("the recovery", lambda: not zabbix_server.problems(fingerprint="aa01"))


async def test_every_instance_of_an_alert_is_a_problem_of_its_own_with_its_own_severity(zabbix_server: Stage) -> None:
    severities = {"bb01": "critical", "bb02": "warning", "bb03": "info"}
    alerts = [alert("Twins", fingerprint=one, severity=severity) for one, severity in severities.items()]
    async with zabbix_server.bridge() as bridge:
        assert (await bridge.post("/zabbix", data=body(*alerts)))[0] == 200
        await until("three problems", lambda: len(zabbix_server.problems(alertname="Twins")) == 3)
        assert sorted(one["severity"] for one in zabbix_server.problems(alertname="Twins")) == ["1", "2", "4"]
        half = [{**one, "status": "resolved"} if one["fingerprint"] == "bb02" else one for one in alerts]
        assert (await bridge.post("/zabbix", data=body(*half)))[0] == 200
        await until("one recovery", lambda: len(zabbix_server.problems(alertname="Twins")) == 2)
        assert not zabbix_server.problems(fingerprint="bb02")


async def test_news_that_comes_again_opens_no_second_problem(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge() as bridge:
        for _ in range(3):
            assert (await bridge.post("/zabbix", data=body(alert(fingerprint="cc01"))))[0] == 200
        await until("the problem", lambda: zabbix_server.problems(fingerprint="cc01"))
        assert len(zabbix_server.problems(fingerprint="cc01")) == 1


@pytest.mark.parametrize(
    ("labels", "host"),
    [
        ({"dispenser": "never-seen"}, "tapwatch.dispenser.never-seen"),
        ({"dispenser": "", "cluster": "campus", "node": "worker-1"}, "tapwatch.node.campus.worker-1"),
        ({"dispenser": "", "cluster": "campus"}, "tapwatch.cluster.campus"),
        ({"dispenser": ""}, "tapwatch.site.main-campus"),
        ({"dispenser": "", "site": ""}, "tapwatch.stack.tapwatch"),
    ],
)
async def test_a_host_that_zabbix_does_not_know_is_made_by_the_bridges_account(
    zabbix_server: Stage, labels: dict[str, Any], host: str
) -> None:
    fingerprint = hashlib.sha256(host.encode()).hexdigest()[:16]
    async with zabbix_server.bridge() as bridge:
        answer = await bridge.post("/zabbix", data=body(alert(fingerprint=fingerprint, **labels)))
        assert answer == (200, "taken\n")
        problem = (await until("the problem", lambda: zabbix_server.problems(fingerprint=fingerprint)))[0]
        assert zabbix_server.event(problem)["hosts"][0]["host"] == host


async def test_what_resolves_before_zabbix_heard_of_it_is_done(zabbix_server: Stage) -> None:
    async with zabbix_server.bridge() as bridge:
        answer = await bridge.post("/zabbix", data=body(alert(status="resolved", fingerprint="ee01")))
        assert answer == (200, "taken\n")


async def test_a_real_alertmanager_brings_alerts_through_the_bridge(zabbix_server: Stage) -> None:
    async with (
        zabbix_server.bridge() as bridge,
        alertmanager(zabbix_server.folder, f"{bridge.url}/zabbix") as url,
    ):
        await zabbix_server.raise_alert(url, "FromAlertmanager")
        await until("the problem", lambda: zabbix_server.problems(alertname="FromAlertmanager"))
        await zabbix_server.raise_alert(url, "FromAlertmanager", resolved=True)
        await until("the recovery", lambda: not zabbix_server.problems(alertname="FromAlertmanager"))
