"""Zabbix' own problems in a real Alertmanager: of a host with the real agent."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from laboratory.notifications import alert, body
from laboratory.processes import Running
from laboratory.servers.confined import SESSION
from laboratory.servers.zabbix import AGENT_HOST
from laboratory.servers.zabbixstage import Stage, alertmanager, sample, until, until_async
from tapwatch.web import free_port

pytestmark = [pytest.mark.timeout(300), pytest.mark.root]  # a busy machine takes several times as long


class Machine:
    """A host that Zabbix watches through its agent: it has a problem while a file is there."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._file = stage.zabbix.folder / "broken"
        api = stage.zabbix.api
        group = api("hostgroup.create", name="Machines")["groupids"][0]
        interface = {"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": stage.zabbix.agent_port}
        host = api(
            "host.create",
            host=AGENT_HOST,
            name="Lab node",
            groups=[{"groupid": group}],
            interfaces=[interface],
            tags=[{"tag": "site", "value": "main-campus"}, {"tag": "team", "value": "operations"}],
        )["hostids"][0]
        port = api("hostinterface.get", hostids=host, output="extend")[0]["interfaceid"]
        key = f"vfs.file.exists[{SESSION}/broken]"
        asked = {"type": 7} if stage.zabbix.release.active else {"type": 0, "interfaceid": port}
        item = api("item.create", name="Broken", key_=key, hostid=host, value_type=3, delay="1s", **asked)["itemids"][0]
        stage.zabbix.until_given(item)
        api(
            "trigger.create",
            description="The lab node is broken",
            expression=f"last(/{AGENT_HOST}/{key})=1",
            priority=4,
            tags=[{"tag": "component", "value": "disk"}],
        )

    def break_it(self) -> None:
        self._file.touch()

    def mend(self) -> None:
        self._file.unlink(missing_ok=True)

    def problem(self) -> list[dict[str, Any]]:
        return self.stage.problems(component="disk")


@pytest.fixture(scope="module")
def machine(zabbix_server: Stage) -> Iterator[Machine]:
    found = Machine(zabbix_server)
    yield found
    found.mend()


@asynccontextmanager
async def both_ways(stage: Stage, **changes: object) -> AsyncIterator[tuple[Running, str]]:
    """The bridge and an Alertmanager that know each other, and Zabbix' media type, which knows the bridge."""
    port = free_port()
    async with (
        alertmanager(stage.folder, f"http://127.0.0.1:{port}/zabbix") as url,
        stage.bridge(port=port, alertmanagers=[url], webhook={"url": f"http://127.0.0.1:{port}"}, **changes) as bridge,
    ):
        status, out, err = await stage.provision()
        assert status == 0, f"{out}\n{err}"
        yield bridge, url


async def ask(url: str) -> Any:  # noqa: ANN401 - JSON
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.json()


async def firing(url: str, **labels: str) -> list[dict[str, Any]]:
    """What Alertmanager holds with these labels."""
    found = await ask(f"{url}/api/v2/alerts")
    return [one for one in found if labels.items() <= one["labels"].items()]


async def test_a_machines_problem_fires_in_alertmanager_until_it_recovers(machine: Machine) -> None:
    async with both_ways(machine.stage) as (bridge, url):
        machine.break_it()
        found = (await until_async("the alert", lambda: firing(url, alertname="The lab node is broken")))[0]
        assert found["labels"] == {
            "alertname": "The lab node is broken",
            "severity": "critical",
            "source": "zabbix",
            "host": "Lab node",
            "instance": AGENT_HOST,
            "host_group": "Machines",
            "site": "main-campus",
            "team": "operations",
            "component": "disk",
        }
        assert found["annotations"]["summary"] == "The lab node is broken"
        problem = machine.problem()[0]
        assert f"eventid={problem['eventid']}" in found["annotations"]["dashboard_url"]
        ends = found["endsAt"]
        await until_async("it is kept alive", lambda: _later(url, ends))
        machine.mend()
        await until_async("it is over", lambda: _none(url))
        assert "tapwatch_zabbix_problems_forwarded 0.0" in await bridge.metrics()


async def test_zabbix_itself_calls_the_bridge_when_a_problem_opens(machine: Machine) -> None:
    """The comparison's own interval is too long here to be what brings the news."""
    async with both_ways(machine.stage, interval="10m") as (_, url):
        machine.break_it()
        await until_async("the alert", lambda: firing(url, source="zabbix"))
        machine.mend()
        await until_async("it is over", lambda: _none(url))


async def test_nothing_goes_round_in_circles(machine: Machine) -> None:
    """What came from Zabbix is not told to Zabbix, and what it has from Alertmanager is not told to Alertmanager."""
    async with both_ways(machine.stage) as (bridge, url):
        machine.break_it()
        await machine.stage.raise_alert(url, "Circle")
        await until("the problem", lambda: machine.stage.problems(alertname="Circle"))
        from_zabbix = (await until_async("the alert", lambda: firing(url, source="zabbix")))[0]
        back = alert("The lab node is broken", fingerprint=from_zabbix["fingerprint"], source="zabbix")
        assert (await bridge.post("/zabbix", data=body(back)))[0] == 200
        before = await _comparisons(bridge)
        await until_async("two comparisons", lambda: _compared_since(bridge, before + 2))
        assert not machine.stage.problems(fingerprint=from_zabbix["fingerprint"])
        assert {one["labels"]["alertname"] for one in await firing(url)} == {"Circle", "The lab node is broken"}
        await machine.stage.raise_alert(url, "Circle", resolved=True)
        machine.mend()
        await until_async("it is over", lambda: _none(url))


async def _later(url: str, ends: str) -> bool:
    return any(one["endsAt"] > ends for one in await firing(url, source="zabbix"))


async def _none(url: str) -> bool:
    return not await firing(url, source="zabbix")


async def _comparisons(bridge: Running) -> float:
    return sample(await bridge.metrics(), 'tapwatch_zabbix_comparisons_total{result="taken"}')


async def _compared_since(bridge: Running, number: float) -> bool:
    return await _comparisons(bridge) >= number
