"""Acknowledged in Zabbix is silenced in Alertmanager, silenced in Alertmanager is acknowledged in Zabbix."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from laboratory.servers.zabbixstage import Stage, until, until_async
from tests.integration.zabbix.test_back import ask, both_ways

pytestmark = [pytest.mark.timeout(300), pytest.mark.root]  # a busy machine takes several times as long

ACKNOWLEDGE, UNACKNOWLEDGE, MESSAGE = 2, 16, 4


class Story:
    """One alert that fires and has a problem in Zabbix."""

    def __init__(self, stage: Stage, url: str, name: str) -> None:
        self.stage, self.url, self.name = stage, url, name

    async def begin(self) -> None:
        await self.stage.raise_alert(self.url, self.name)
        await until("the problem", self.problems)

    async def end(self) -> None:
        await self.stage.raise_alert(self.url, self.name, resolved=True)
        await until("the recovery", lambda: not self.problems())

    def problems(self) -> list[dict[str, Any]]:
        return self.stage.problems(alertname=self.name)

    def update(self, action: int, message: str, token: str | None = None) -> None:
        event = self.problems()[0]["eventid"]
        self.stage.zabbix.api("event.acknowledge", token=token, eventids=[event], action=action, message=message)

    def acknowledged(self) -> bool:
        return [problem["acknowledged"] for problem in self.problems()] == ["1"]

    async def silences(self, state: str = "active") -> list[dict[str, Any]]:
        found = await ask(f"{self.url}/api/v2/silences")
        wanted = {"name": "alertname", "value": self.name, "isRegex": False, "isEqual": True}
        return [one for one in found if one["status"]["state"] == state and wanted in one["matchers"]]

    async def silence(self, person: str, comment: str) -> str:
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": "alertname", "value": self.name, "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": person,
            "comment": comment,
        }
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/api/v2/silences", json=body) as answer:
            found: str = (await answer.json())["silenceID"]
            return found

    async def expire(self, silence: str) -> None:
        async with aiohttp.ClientSession() as session, session.delete(f"{self.url}/api/v2/silence/{silence}") as answer:
            assert answer.status == 200


def person(stage: Stage) -> str:
    """The token of a member of the staff."""
    api = stage.zabbix.api
    known = api("user.get", filter={"username": "chen"}, output=["userid"])
    if known:
        user = known[0]["userid"]
    else:
        role = api("role.get", filter={"name": "Super admin role"}, output=["roleid"])[0]["roleid"]
        group = api("usergroup.get", filter={"name": "Zabbix administrators"}, output=["usrgrpid"])[0]["usrgrpid"]
        names = {"username": "chen", "name": "Mei", "surname": "Chen", "passwd": "a-long-Word-7f3e"}
        user = api("user.create", **names, roleid=role, usrgrps=[{"usrgrpid": group}])["userids"][0]
    return stage.zabbix.new_token(stage.zabbix.token, f"chen {datetime.now(UTC).timestamp()}", user)


async def test_who_acknowledges_in_zabbix_silences_in_alertmanager_under_their_name(zabbix_server: Stage) -> None:
    async with both_ways(zabbix_server) as (_, url):
        story = Story(zabbix_server, url, "AcknowledgedInZabbix")
        await story.begin()
        story.update(ACKNOWLEDGE | MESSAGE, "On my way", person(zabbix_server))
        silence = (await until_async("the silence", story.silences))[0]
        assert silence["createdBy"] == "Mei Chen (chen)"
        assert silence["comment"].startswith("On my way")
        assert story.acknowledged()
        story.update(UNACKNOWLEDGE, "", person(zabbix_server))
        await until_async("the silence's end", lambda: story.silences("expired"))
        assert not await story.silences()
        await story.end()


async def test_who_silences_in_alertmanager_acknowledges_in_zabbix_under_their_name(zabbix_server: Stage) -> None:
    async with both_ways(zabbix_server) as (_, url):
        story = Story(zabbix_server, url, "SilencedInAlertmanager")
        await story.begin()
        silence = await story.silence("lin", "Water is shut off")
        await until("the acknowledgement", story.acknowledged)
        message = zabbix_server.event(story.problems()[0])["acknowledges"][0]["message"]
        assert message.startswith("Silenced in Alertmanager by lin until ")
        assert message.endswith(": Water is shut off")
        await story.expire(silence)
        await until("it is taken back", lambda: not story.acknowledged())
        assert len(await story.silences("expired")) == 1
        await story.end()


async def test_a_silence_that_stood_for_an_acknowledgement_and_is_ended_takes_it_back(zabbix_server: Stage) -> None:
    async with both_ways(zabbix_server) as (_, url):
        story = Story(zabbix_server, url, "SilenceEnded")
        await story.begin()
        story.update(ACKNOWLEDGE, "")
        silence = (await until_async("the silence", story.silences))[0]
        await story.expire(silence["id"])
        await until("it is taken back", lambda: not story.acknowledged())
        await story.end()


async def test_a_silenced_alert_that_resolves_leaves_neither_problem_nor_silence(zabbix_server: Stage) -> None:
    """Alertmanager sends no word of what is silenced: the comparison has to see it."""
    async with both_ways(zabbix_server) as (bridge, url):
        story = Story(zabbix_server, url, "ResolvedInSilence")
        await story.begin()
        story.update(ACKNOWLEDGE, "")
        await until_async("the silence", story.silences)
        await story.end()
        await until_async("the silence's end", lambda: story.silences("expired"))
        assert 'tapwatch_zabbix_repairs_total{kind="orphan"} 1.0' in await bridge.metrics()
