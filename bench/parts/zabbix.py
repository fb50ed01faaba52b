"""The bridge to Zabbix on a real one: provisioning a fleet, a storm of alerts, and how long news takes."""

import asyncio
import statistics
import time

import aiohttp
import click
import yaml

from alerting.zabbix.values import Trapper, Value
from bench.run import Part, Run, figures_table
from laboratory.notifications import alert, body
from laboratory.processes import Running, running
from laboratory.servers.zabbix import ZABBIX_7_0
from laboratory.servers.zabbixstage import Stage, alertmanager, until, until_async
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table
from tapwatch.web import free_port

_GROUP = 20
"""Alerts in one notification of the storm."""
_TAKEN = 200
_AGAIN_SECONDS = 1.0
_SINGLES = 10
"""News that are timed one by one."""
_END_SECONDS = 600.0
_PATIENT = aiohttp.ClientTimeout(_END_SECONDS)


@click.command("zabbix")
@click.option("--dispensers", default=5000, show_default=True)
@click.option("--alerts", default=2000, show_default=True)
@click.option("--cache-update", default=10, show_default=True, help="The server's CacheUpdateFrequency, in seconds.")
@click.pass_obj
def command(run: Run, dispensers: int, alerts: int, cache_update: int) -> None:
    """The bridge on a real Zabbix: provisioning, a storm of alerts, and how long news takes; needs root."""
    with run.part("zabbix") as part:
        asyncio.run(_measure(part, dispensers, alerts, cache_update))


async def _measure(part: Part, dispensers: int, alerts: int, cache_update: int) -> None:
    # As an operator would set up a server for such a fleet; the rest are Zabbix' defaults or the tests' small numbers.
    settings = {"CacheUpdateFrequency": cache_update, "CacheSize": "256M", "StartLLDProcessors": 2, "StartTrappers": 5}
    part.tell("starting Zabbix")
    with Stage.start(part.folder, ZABBIX_7_0, **settings) as stage:
        table = figures_table(f"Zabbix 7.0, {dispensers:,} dispensers, {alerts:,} alerts", "", "time")
        stage.write_inventory(*(_dispenser(number) for number in range(dispensers)))
        for title in ("provisioning, first run", "provisioning, nothing to change"):
            part.tell(title)
            table.add_row(title, f"{await _provision(stage):.1f} s")
        async with stage.bridge(patience="300s", timeout="60s") as bridge:
            part.tell("news one by one")
            for title, times in (await _singles(stage, bridge)).items():
                table.add_row(title, f"{statistics.median(times):.1f} s, at most {max(times):.1f} s")
            part.tell("a storm")
            for title, seconds in (await _storm(stage, bridge, alerts, dispensers)).items():
                table.add_row(title, f"{seconds:.1f} s")
        part.tell("from a problem to a message")
        times = await _messages(stage)
        table.add_row("problem to DingTalk message", f"{statistics.median(times):.1f} s, at most {max(times):.1f} s")
    print_table(table)


def _dispenser(number: int) -> dict[str, str]:
    place = {"site": f"site-{number // 500}", "building": f"building-{number // 50}", "floor": str(number % 10)}
    return {
        "name": f"d{number:05}",
        "address": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}:502/1",
        **place,
    }


async def _provision(stage: Stage) -> float:
    started = time.monotonic()
    status, out, err = await stage.provision(seconds=_END_SECONDS)
    if status != 0:
        raise TapwatchError(f"provisioning ended with {status}: {out}{err}")
    return time.monotonic() - started


async def _singles(stage: Stage, bridge: Running) -> dict[str, list[float]]:
    """From the notification until people see it in Zabbix: on an item that is new, and on one that is known."""
    times: dict[str, list[float]] = {
        "alert to problem, first time": [],
        "alert to recovery": [],
        "alert to problem, again": [],
    }
    for number in range(_SINGLES):
        one = alert("Single", fingerprint=f"single{number}", dispenser=f"d{number:05}")
        resolved = {**one, "status": "resolved"}
        for title, news in zip(times, (one, resolved, one), strict=True):
            times[title].append(await _timed(stage, bridge, news))
        await _timed(stage, bridge, resolved)
    return times


async def _timed(stage: Stage, bridge: Running, news: dict[str, object]) -> float:
    """Until Zabbix' own answer shows it, whatever the bridge says."""
    started = time.monotonic()
    answer = asyncio.create_task(bridge.post("/zabbix", data=body(news), timeout=_PATIENT))
    wanted = 1 if news["status"] == "firing" else 0
    fingerprint = str(news["fingerprint"])
    await until(fingerprint, lambda: len(stage.problems(fingerprint=fingerprint)) == wanted, _END_SECONDS)
    took = time.monotonic() - started
    await answer
    return took


async def _storm(stage: Stage, bridge: Running, alerts: int, dispensers: int) -> dict[str, float]:
    """All notifications at once, as after a power cut; every alert is counted in Zabbix."""
    storm = [
        alert("Storm", fingerprint=f"storm{number:05}", dispenser=f"d{number % dispensers:05}")
        for number in range(alerts)
    ]
    opened = await _all(bridge, storm)
    _expect(len(stage.problems(alertname="Storm")), alerts, "open problems")
    closed = await _all(bridge, [{**one, "status": "resolved"} for one in storm])
    _expect(len(stage.problems(alertname="Storm")), 0, "open problems after the storm")
    tags = [{"tag": "alertname", "value": "Storm", "operator": 1}]
    _expect(int(stage.zabbix.api("event.get", countOutput=True, value=1, tags=tags)), alerts, "problems ever opened")
    reopened = await _all(bridge, storm)
    _expect(len(stage.problems(alertname="Storm")), alerts, "open problems, again")
    closed_again = await _all(bridge, [{**one, "status": "resolved"} for one in storm])
    return {
        "storm opened, items new": opened,
        "storm closed": closed,
        "storm opened, items known": reopened,
        "storm closed again": closed_again,
    }


async def _all(bridge: Running, alerts: list[dict[str, object]]) -> float:
    started = time.monotonic()
    groups = [alerts[start : start + _GROUP] for start in range(0, len(alerts), _GROUP)]
    await asyncio.gather(*(_notify(bridge, body(*group, group=str(number))) for number, group in enumerate(groups)))
    return time.monotonic() - started


async def _notify(bridge: Running, news: bytes) -> None:
    """As Alertmanager does: again after a 503."""
    deadline = time.monotonic() + _END_SECONDS
    while (answer := await bridge.post("/zabbix", data=news, timeout=_PATIENT))[0] != _TAKEN:
        if time.monotonic() > deadline:
            raise TapwatchError(f"a notification was not taken: {answer[1]}")
        await asyncio.sleep(_AGAIN_SECONDS)


async def _messages(stage: Stage) -> list[float]:
    """From a value that opens a problem of Zabbix' own until the message stands in the group chat."""
    key = _machine(stage)
    bridge, chat = free_port(), free_port()
    robot = {"url": f"http://127.0.0.1:{chat}/robot/send", "access_token_file": "./ops.token"}
    (stage.folder / "ops.token").write_text("0123456789abcdef", encoding="utf-8")
    robots = stage.folder / "dingtalk.yaml"
    robots.write_text(yaml.safe_dump({"robots": {"ops": robot}}), encoding="utf-8")
    async with (
        running(stage.folder, "dingtalk", "stand-in", f"--robots={robots}", port=chat) as stand_in,
        running(stage.folder, "dingtalk", f"--config.file={robots}") as dingtalk,
        alertmanager(stage.folder, f"{dingtalk.url}/dingtalk/ops") as url,
        stage.bridge(port=bridge, interval="30s", alertmanagers=[url], webhook={"url": f"http://127.0.0.1:{bridge}"}),
    ):
        await _provision(stage)
        return [await _message(stage, stand_in, key.format(number)) for number in range(_SINGLES)]


def _machine(stage: Stage) -> str:
    """A host with items and triggers; the pattern of the items' keys, which are the problems' names, too."""
    api, key = stage.zabbix.api, "machine.{}"
    group = api("hostgroup.create", name="Machines")["groupids"][0]
    host = api("host.create", host="machine", groups=[{"groupid": group}])["hostids"][0]
    for name in (key.format(number) for number in range(_SINGLES)):
        api("item.create", hostid=host, name=name, key_=name, type=2, value_type=3)
        api("trigger.create", description=name, expression=f"last(/machine/{name})=1", priority=4)
    return key


async def _message(stage: Stage, stand_in: Running, key: str) -> float:
    host, port = stage.zabbix.trapper.split(":")
    trapper = Trapper((host, int(port)), _END_SECONDS)
    await until_async("the new item", lambda: _takes(trapper, Value("machine", key, "0")))
    started = time.monotonic()
    await _takes(trapper, Value("machine", key, "1"))
    await until_async("the message", lambda: _shows(stand_in, key))
    return time.monotonic() - started


async def _takes(trapper: Trapper, value: Value) -> bool:
    return (await trapper.push([value]))[0] is None


async def _shows(stand_in: Running, key: str) -> bool:
    return key in (await stand_in.get("/messages"))[1]


def _expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise TapwatchError(f"{found} {what} and not {wanted}: some were lost or doubled")
