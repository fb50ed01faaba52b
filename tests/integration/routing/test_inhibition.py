"""What silences what, asked of a real Alertmanager with the shipped file."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from laboratory.rules.shipped import ROUTING, alerts
from laboratory.servers.alertmanager import running_alertmanager
from tapwatch.web import free_port

Labels = Mapping[str, str]
RULE_LABELS = {alert.name: alert.labels for alert in alerts()}
_SETTLED_SECONDS = 0.3
"""The part of Alertmanager that inhibits hears of new alerts by a way of its own, a moment after they are listed."""

PLACE = {"site": "main", "gateway": "a:502", "dispenser": "d", "instance": "a:502/1"}


def alert(name: str, **labels: str) -> dict[str, str]:
    """An alert with the labels that its rule gives it."""
    return {"alertname": name, **RULE_LABELS[name], **labels}


class Alertmanager:
    """A running one."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = f"{url}/api/v2/alerts"
        self._session = session

    async def post(self, firing: Iterable[Labels]) -> None:
        body = [{"labels": dict(labels)} for labels in firing]
        async with self._session.post(self._url, json=body, raise_for_status=True) as answer:
            await answer.read()

    async def silenced(self, among: int) -> list[Labels]:
        """The labels of the inhibited among so many alerts, once it knows all of them."""
        found: list[dict[str, Any]] = []
        for _ in range(100):
            await asyncio.sleep(_SETTLED_SECONDS)
            async with self._session.get(self._url, raise_for_status=True) as answer:
                found = await answer.json()
            if len(found) == among:
                return [one["labels"] for one in found if one["status"]["inhibitedBy"]]
        raise AssertionError(f"{among} alerts were expected, these are there: {found}")


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[Alertmanager]:
    """With the shipped file, but that nothing listens where the bridge would be."""
    settings = ROUTING.read_text(encoding="utf-8").replace(":9804/", f":{free_port()}/")
    async with (
        running_alertmanager(tmp_path, settings) as url,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
    ):
        yield Alertmanager(url, session)


@pytest.mark.parametrize(
    ("firing", "silent"),
    [
        pytest.param(
            [
                alert("SiteUnreachable", site="main"),
                alert("GatewayUnreachable", site="main", gateway="a:502"),
                alert("DispenserUnreachable", **PLACE),
            ],
            {"GatewayUnreachable", "DispenserUnreachable"},
            id="a site silences its gateways and dispensers",
        ),
        pytest.param(
            [
                alert("GatewayUnreachable", site="main", gateway="a:502"),
                alert("DispenserUnreachable", **PLACE),
                alert("DispenserWaterQuality", **PLACE),
            ],
            {"DispenserUnreachable"},
            id="a gateway silences that its dispensers are silent, and nothing else",
        ),
        pytest.param(
            [
                alert("GatewayUnreachable", site="main", gateway="b:502"),
                alert("SiteUnreachable", site="hospital"),
                alert("DispenserUnreachable", **PLACE),
            ],
            set(),
            id="another gateway and another site silence nothing",
        ),
        pytest.param(
            [
                alert("DispenserExporterDown"),
                alert("DispenserUnreachable", **PLACE),
                alert("DispenserScrapeFailing", job="dispensers", **PLACE),
                alert("InstanceUnreachable", job="dispenser-exporter", instance="x:1"),
                alert("DispenserLeak", fault="leak", **PLACE),
            ],
            {"DispenserUnreachable", "DispenserScrapeFailing", "InstanceUnreachable"},
            id="without its exporter a dispenser's old words are silenced, but not a leak",
        ),
        pytest.param(
            [alert("DispenserExporterDown"), alert("InstanceUnreachable", job="alertmanager", instance="x:1")],
            set(),
            id="an exporter that is down does not silence other processes",
        ),
        pytest.param(
            [
                alert("ControlPlaneDown", cluster="campus"),
                alert("ControlPlaneReplicaDown", cluster="campus", endpoint="https://a:6443", role="replica"),
                alert("ControlPlaneAddressDown", cluster="campus", endpoint="https://api:6443", role="address"),
                alert("ControlPlaneDiscoveryFailing", cluster="campus"),
            ],
            {"ControlPlaneReplicaDown", "ControlPlaneAddressDown", "ControlPlaneDiscoveryFailing"},
            id="a control plane that is down silences its parts, and not itself",
        ),
        pytest.param(
            [
                alert("ControlPlaneDown", cluster="other"),
                alert("ControlPlaneReplicaDown", cluster="campus", endpoint="https://a:6443", role="replica"),
                alert("ControlPlaneCheckFailing", cluster="campus", endpoint="https://a:6443", check="etcd"),
            ],
            {"ControlPlaneCheckFailing"},
            id="a replica silences its checks, another cluster nothing",
        ),
        pytest.param(
            [
                alert("ClusterExporterDown"),
                alert("ControlPlaneDown", cluster="campus"),
                alert("InstanceUnreachable", job="cluster-exporter", instance="x:1"),
            ],
            {"ControlPlaneDown", "InstanceUnreachable"},
            id="without its exporter a control plane's old words are silenced",
        ),
    ],
)
async def test_the_larger_thing_speaks_for_the_smaller(
    alertmanager: Alertmanager, firing: list[Labels], silent: set[str]
) -> None:
    await alertmanager.post(firing)
    silenced = await alertmanager.silenced(len(firing))
    assert {labels["alertname"] for labels in silenced} == silent


@pytest.mark.parametrize(
    ("firing", "silent"),
    [
        pytest.param(
            [
                alert("ControlPlaneReplicaHung", cluster="campus", endpoint="https://a:6443", role="replica"),
                alert("ControlPlaneReplicaDown", cluster="campus", endpoint="https://a:6443", role="replica"),
                alert("ControlPlaneReplicaDown", cluster="campus", endpoint="https://b:6443", role="replica"),
                alert("ControlPlaneWriteFailing", cluster="campus", endpoint="https://b:6443", role="replica"),
                alert("ControlPlaneWriteFailing", cluster="campus", endpoint="https://c:6443", role="replica"),
            ],
            {("ControlPlaneReplicaDown", "https://a:6443"), ("ControlPlaneWriteFailing", "https://b:6443")},
            id="a replica that hangs is not down besides, and one that is down need not say that writes fail",
        ),
        pytest.param(
            [
                alert("ControlPlaneAddressDown", cluster="campus", endpoint="https://api:6443", role="address"),
                alert("ControlPlaneAddressDisagrees", cluster="campus", about="health"),
                alert("ControlPlaneAddressBudgetBurnsFast", cluster="campus", objective="a"),
                alert("ControlPlaneAddressBudgetBurnsFast", cluster="other", objective="a"),
                alert("ControlPlaneAddressBudgetBurnsSlow", cluster="other", objective="a"),
            ],
            {
                ("ControlPlaneAddressDisagrees", None),
                ("ControlPlaneAddressBudgetBurnsFast", None),
                ("ControlPlaneAddressBudgetBurnsSlow", None),
            },
            id="an address that is down speaks for its budget, a fast fire for a slow one",
        ),
        pytest.param(
            [
                alert("ControlPlaneEtcdNoLeader", cluster="campus"),
                alert("ControlPlaneReadOnly", cluster="campus"),
                alert("ControlPlaneLeaderStuck", cluster="campus", lease="kube-scheduler"),
                alert("ControlPlaneLeaderStuck", cluster="other", lease="kube-scheduler"),
                alert("ControlPlaneCertificateExpiring", cluster="campus", endpoint="https://a:6443"),
            ],
            {("ControlPlaneReadOnly", None), ("ControlPlaneLeaderStuck", None)},
            id="etcd without a leader speaks for the writes that fail, and for no certificate",
        ),
        pytest.param(
            [
                alert("ControlPlaneNodesSilent", cluster="campus", node_zone="z1"),
                alert("ControlPlaneNodeSilent", cluster="campus", node_zone="z1", node="n1"),
                alert("ControlPlaneNodeNotReady", cluster="campus", node_zone="z1", node="n1"),
                alert("ControlPlaneSystemPodNotReady", cluster="campus", node="n1", pod="p"),
                alert("ControlPlaneSystemPodNotReady", cluster="campus", node="n2", pod="q"),
            ],
            {
                ("ControlPlaneNodeSilent", None),
                ("ControlPlaneNodeNotReady", None),
                ("ControlPlaneSystemPodNotReady", None),
            },
            id="a zone silences its nodes, a node its pods",
        ),
        pytest.param(
            [
                alert("DispenserGrowthTemperature", outlet="hot", **PLACE),
                alert("DispenserHotWaterTooCool", outlet="hot", **PLACE),
                alert("DispenserColdWaterTooWarm", outlet="cold", **PLACE),
                alert("DispenserMapMismatch", reason="identity", **PLACE),
                alert("DispenserUnreachable", **PLACE),
                alert("DispenserFilterWorn", stage="1", **PLACE),
                alert("DispenserFilterOverdue", stage="1", **PLACE),
                alert("DispenserFilterOverdue", stage="2", **PLACE),
            ],
            {("DispenserHotWaterTooCool", None), ("DispenserUnreachable", None), ("DispenserFilterOverdue", None)},
            id="what says more about the same tank, filter or device is enough",
        ),
        pytest.param(
            [
                alert("DispenserProbesFailing", job="dispenser-exporter"),
                alert("SiteUnreachable", site="main"),
                alert("GatewayUnreachable", site="hospital", gateway="a:502"),
                alert("DispenserLeak", fault="leak", **PLACE),
            ],
            {("GatewayUnreachable", None)},
            id="exporters that fail speak for gateways, but neither for a site nor for a leak",
        ),
    ],
)
async def test_what_says_more_speaks_for_what_says_less(
    alertmanager: Alertmanager, firing: list[Labels], silent: set[tuple[str, str | None]]
) -> None:
    """Names, with the endpoint where replicas differ; at most one of each pair is silenced."""
    await alertmanager.post(firing)
    silenced = await alertmanager.silenced(len(firing))
    by_replica = {"ControlPlaneReplicaDown", "ControlPlaneWriteFailing"}
    found = [(one["alertname"], one["endpoint"] if one["alertname"] in by_replica else None) for one in silenced]
    assert sorted(found, key=str) == sorted(silent, key=str)


@pytest.mark.parametrize(("worse", "lesser"), [("critical", "warning"), ("critical", "info"), ("warning", "info")])
async def test_the_worse_word_about_one_thing_is_enough(alertmanager: Alertmanager, worse: str, lesser: str) -> None:
    thing = {"alertname": "Yours", "site": "main", "dispenser": "d"}
    firing = [
        thing | {"severity": worse},
        thing | {"severity": lesser},
        thing | {"severity": lesser, "dispenser": "e"},
        thing | {"severity": lesser, "alertname": "Mine"},
    ]
    await alertmanager.post(firing)
    assert await alertmanager.silenced(len(firing)) == [thing | {"severity": lesser}]
