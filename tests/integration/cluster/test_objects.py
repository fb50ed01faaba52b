"""What the exporter says of API objects, on a real API server: written there as controllers and kubelets would."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.cluster.rights import Right
from exporters.cluster.settings import Watching as WatchingSettings
from exporters.cluster.view import View, wanted_rights
from exporters.cluster.watch import own_name
from laboratory.kubernetes.apiserver import Replica
from laboratory.kubernetes.controlplane import ControlPlane
from laboratory.programs.gotools import ensure
from tapwatch import catalogue
from tests.integration.cluster.objects import ask, change, create, delete, grant_our_rights
from tests.integration.cluster.watching import Scrape, Watching, watching

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane.start(tmp_path_factory.mktemp("plane") / "real", replicas=2) as plane:
        for name in ("shop", "kube-node-lease"):
            ask(plane, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        yield plane


@pytest.fixture(scope="module")
def kubeconfig(plane: ControlPlane) -> Path:
    """Of an account with just the rights of the manifest."""
    file = plane.token_kubeconfig("tapwatch")
    grant_our_rights(plane, "default", "tapwatch")
    return file


@pytest.fixture
async def exporter(plane: ControlPlane, kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Watching]:
    settings = tmp_path / "clusters.yaml"
    cluster = {
        "name": "real",
        "region": "tw-north",
        "zone": "a",
        "kubeconfig": str(kubeconfig),
        "endpoints": [replica.url for replica in plane.replicas],
    }
    timing = {"interval": "1s", "connect_timeout": "900ms", "timeout": "10s", "write_interval": "1s"}
    settings.write_text(yaml.safe_dump({**timing, "rollout_deadline": "2s", "clusters": [cluster]}))
    async with watching(settings) as exporter:
        await exporter.until_ready()
        yield exporter


async def done(function: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any of the helpers
    return await asyncio.to_thread(function, *arguments, **named)


async def until(exporter: Watching, metric: catalogue.Metric, values: list[float], **labels: str) -> Scrape:
    """The first scrape in which the series with these labels have these values."""
    return await exporter.until(lambda scrape: scrape.values(metric, **labels) == values, PATIENCE)


def now(ago: float = 0.0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def test_everything_that_the_manifest_grants_is_watched(exporter: Watching) -> None:
    scrape = await exporter.scrape()
    assert set(scrape.values(catalogue.CONTROLPLANE_RIGHT)) == {1.0}
    watched = View(WatchingSettings()).watched
    up = await until(exporter, catalogue.CONTROLPLANE_WATCH_UP, [1.0] * len(watched))
    expected = sorted((one.resource.name, one.resource.namespace) for one in watched)
    names = up.labels(catalogue.CONTROLPLANE_WATCH_UP, "resource")
    assert sorted(zip(names, up.labels(catalogue.CONTROLPLANE_WATCH_UP, "namespace"), strict=True)) == expected
    assert up.values(catalogue.WATCH_CRASHES) == []


async def test_a_lease_is_written_through_each_endpoint_and_read_back_through_another(
    exporter: Watching, plane: ControlPlane
) -> None:
    scrape = await until(exporter, catalogue.CONTROLPLANE_WRITE_UP, [1.0, 1.0, 1.0])
    urls = [replica.url for replica in plane.replicas]
    scrape = await exporter.until(
        lambda scrape: len(scrape.values(catalogue.CONTROLPLANE_READ_STALENESS, role="replica")) == 2, PATIENCE
    )
    for writer, reader in (urls, reversed(urls)):
        labels = {"endpoint": writer, "role": "replica"}
        assert scrape.labels(catalogue.CONTROLPLANE_READ_STALENESS, "reader", **labels) == [reader]
    assert all(0 <= seconds < 3 for seconds in scrape.values(catalogue.CONTROLPLANE_READ_STALENESS))
    assert all(0 < seconds < 5 for seconds in scrape.values(catalogue.CONTROLPLANE_WRITE_SECONDS))
    path = f"{LEASES.format('tapwatch')}/tapwatch-{own_name()}"
    lease = (await done(ask, plane, "GET", path)).json()
    assert lease["spec"]["holderIdentity"] == own_name()


async def test_writes_that_time_out_are_seen_while_the_server_still_lives(
    exporter: Watching, plane: ControlPlane
) -> None:
    await until(exporter, catalogue.CONTROLPLANE_WRITE_UP, [1.0, 1.0, 1.0])
    plane.etcd.pause()
    try:
        scrape = await until(exporter, catalogue.CONTROLPLANE_WRITE_UP, [0.0, 0.0, 0.0])
        reasons = scrape.labels(catalogue.CONTROLPLANE_WRITE_FAILURE, "reason")
        assert set(reasons) <= {"timeout", "unhealthy"}
        assert len(reasons) == 3
    finally:
        plane.etcd.resume()
    await until(exporter, catalogue.CONTROLPLANE_WRITE_UP, [1.0, 1.0, 1.0])


async def test_a_leader_is_told_with_its_age_and_transitions(exporter: Watching, plane: ControlPlane) -> None:
    path = LEASES.format("kube-system")
    spec = {"holderIdentity": "master-1", "leaseDurationSeconds": 15, "leaseTransitions": 3, "renewTime": now(ago=40)}
    await done(create, plane, path, {"metadata": {"name": "kube-scheduler"}, "spec": spec})
    labels = {"cluster": "real", "region": "tw-north", "zone": "a", "lease": "kube-scheduler"}
    scrape = await until(exporter, catalogue.CONTROLPLANE_LEADER, [1.0], holder="master-1", **labels)
    (age,) = scrape.values(catalogue.CONTROLPLANE_LEADER_AGE, **labels)
    assert 40 <= age < 40 + PATIENCE
    assert scrape.values(catalogue.CONTROLPLANE_LEADER_DURATION, **labels) == [15.0]
    assert scrape.values(catalogue.CONTROLPLANE_LEADER_TRANSITIONS, **labels) == [3.0]
    # The new holder's clock is an hour late: what counts is that we see it renew.
    taken = {"holderIdentity": "master-2", "leaseTransitions": 4, "renewTime": now(ago=3600)}
    await done(change, plane, f"{path}/kube-scheduler", taken)
    scrape = await until(exporter, catalogue.CONTROLPLANE_LEADER_TRANSITIONS, [4.0], **labels)
    assert scrape.labels(catalogue.CONTROLPLANE_LEADER, "holder", **labels) == ["master-2"]
    (age,) = scrape.values(catalogue.CONTROLPLANE_LEADER_AGE, **labels)
    assert age < PATIENCE
    assert not [name for name in scrape.labels(catalogue.CONTROLPLANE_LEADER, "lease") if name.startswith("apiserver-")]
    assert scrape.values(catalogue.CONTROLPLANE_REPLICAS, source="lease") == [len(plane.replicas)]
    await done(delete, plane, f"{path}/kube-scheduler")
    await until(exporter, catalogue.CONTROLPLANE_LEADER, [], **labels)


def node(name: str, zone: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - a node's own
    return {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}, "spec": spec}


def conditions(**statuses: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": status} for kind, status in statuses.items()]


async def test_nodes_are_told_with_conditions_taints_versions_and_heartbeats(
    exporter: Watching, plane: ControlPlane
) -> None:
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    well = {
        "conditions": conditions(Ready="True", MemoryPressure="False", DiskPressure="True"),
        "nodeInfo": dict.fromkeys(
            (
                "architecture",
                "bootID",
                "containerRuntimeVersion",
                "kernelVersion",
                "kubeProxyVersion",
                "machineID",
                "operatingSystem",
                "osImage",
                "systemUUID",
            ),
            "",
        )
        | {"kubeletVersion": "v1.35.1"},
    }
    await done(create, plane, "/api/v1/nodes", node("east-1", "east"), well)
    await done(create, plane, "/api/v1/nodes", node("east-2", "east", taints=[taint]), {"conditions": []})
    for name, ago in (("east-1", 1), ("east-2", 600)):
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now(ago)}
        await done(create, plane, LEASES.format("kube-node-lease"), {"metadata": {"name": name}, "spec": spec})
    scrape = await until(exporter, catalogue.CONTROLPLANE_NODES_EXPIRED, [0.5], node_zone="east")
    assert scrape.values(catalogue.CONTROLPLANE_NODES, node_zone="east") == [2.0]
    scrape = await until(exporter, catalogue.CONTROLPLANE_NODE_CONDITION, [1.0, 1.0], node="east-1", node_zone="east")
    told = scrape.labels(catalogue.CONTROLPLANE_NODE_CONDITION, "condition", node="east-1", status="True")
    assert told == ["Ready", "DiskPressure"]
    assert scrape.labels(catalogue.CONTROLPLANE_NODE, "kubelet_version", node="east-1") == ["v1.35.1"]
    assert scrape.values(catalogue.CONTROLPLANE_VERSION_SKEW, component="kubelet") == [2.0]
    labels = {"node": "east-2", "key": taint["key"], "effect": "NoExecute"}
    assert scrape.values(catalogue.CONTROLPLANE_NODE_TAINT, **labels) == [1.0]
    (young,) = scrape.values(catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE, node="east-1")
    (old,) = scrape.values(catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE, node="east-2")
    assert young < PATIENCE < 600 <= old
    lease = f"{LEASES.format('kube-node-lease')}/east-2"
    await done(change, plane, lease, {"renewTime": now()})
    await until(exporter, catalogue.CONTROLPLANE_NODES_EXPIRED, [0.0], node_zone="east")
    for path in ("/api/v1/nodes/east-1", "/api/v1/nodes/east-2", lease):
        await done(delete, plane, path)
    await until(exporter, catalogue.CONTROLPLANE_NODES, [], node_zone="east")


def template(image: str) -> dict[str, Any]:
    containers = [{"name": "web", "image": image}]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}


async def test_a_rollout_is_followed_until_it_is_stuck_and_until_it_is_done(
    exporter: Watching, plane: ControlPlane
) -> None:
    path = "/apis/apps/v1/namespaces/shop/deployments"
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1")}
    metadata = {"name": "web", "annotations": {"deployment.kubernetes.io/revision": "7"}}
    status = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    await done(create, plane, path, {"metadata": metadata, "spec": spec}, status)
    labels = {"namespace": "shop", "kind": "Deployment", "workload": "web"}
    scrape = await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, [3.0, 3.0, 3.0, 3.0], **labels)
    states = scrape.labels(catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, "state", **labels)
    assert states == ["desired", "updated", "ready", "available"]
    assert scrape.labels(catalogue.CONTROLPLANE_WORKLOAD_REVISION, "revision", **labels) == ["7"]
    assert scrape.labels(catalogue.CONTROLPLANE_WORKLOAD_IMAGE, "image", container="web", **labels) == ["web:1"]
    assert scrape.values(catalogue.CONTROLPLANE_WORKLOAD_STUCK, **labels) == [0.0]

    await done(change, plane, f"{path}/web", {"template": template("web:2")})
    scrape = await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_GENERATION_LAG, [1.0], **labels)
    assert scrape.labels(catalogue.CONTROLPLANE_WORKLOAD_IMAGE, "image", **labels) == ["web:2"]
    await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_STUCK, [1.0], **labels)

    await done(change, plane, f"{path}/web", {"observedGeneration": 2}, status=True)
    scrape = await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_GENERATION_LAG, [0.0], **labels)
    assert scrape.values(catalogue.CONTROLPLANE_WORKLOAD_STUCK, **labels) == [0.0]
    await done(delete, plane, f"{path}/web")
    await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_REVISION, [], **labels)


async def test_stateful_sets_and_daemon_sets_are_told_with_their_revisions(
    exporter: Watching, plane: ControlPlane
) -> None:
    selector = {"matchLabels": {"app": "web"}}
    apps = "/apis/apps/v1/namespaces/shop"
    stateful = {"replicas": 2, "serviceName": "db", "selector": selector, "template": template("db:1")}
    status: dict[str, object] = {"replicas": 2, "updatedReplicas": 1, "updateRevision": "db-5f6"}
    await done(create, plane, f"{apps}/statefulsets", {"metadata": {"name": "db"}, "spec": stateful}, status)
    scheduled = {"currentNumberScheduled": 4, "numberMisscheduled": 0, "desiredNumberScheduled": 4, "numberReady": 3}
    status = {**scheduled, "updatedNumberScheduled": 2, "numberAvailable": 1}
    daemon = {"selector": selector, "template": template("agent:1")}
    await done(create, plane, f"{apps}/daemonsets", {"metadata": {"name": "agent"}, "spec": daemon}, status)
    labels = {"kind": "StatefulSet", "workload": "db"}
    scrape = await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, [2.0, 1.0, 0.0, 0.0], **labels)
    assert scrape.labels(catalogue.CONTROLPLANE_WORKLOAD_REVISION, "revision", **labels) == ["db-5f6"]
    labels = {"kind": "DaemonSet", "workload": "agent"}
    scrape = await until(exporter, catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, [4.0, 2.0, 3.0, 1.0], **labels)
    assert scrape.labels(catalogue.CONTROLPLANE_WORKLOAD_REVISION, "revision", **labels) == ["1"]
    await done(delete, plane, f"{apps}/statefulsets/db")
    await done(delete, plane, f"{apps}/daemonsets/agent")


def container(restarts: int, reason: str = "", waiting: str = "") -> dict[str, Any]:
    ended = {"exitCode": 137, "reason": reason, "finishedAt": "2026-01-02T03:04:05Z"}
    return {
        "name": "web",
        "image": "web:1",
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
        "lastState": {"terminated": ended} if reason else {},
        "state": {"waiting": {"reason": waiting}} if waiting else {},
    }


def pod(pod_name: str, /, **owner: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": pod_name, "labels": {"app": "web", "pod-template-hash": "5f6"}}
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "uid": "1", "controller": True, **owner}]
    spec = {"containers": [{"name": "web", "image": "web:1"}], "nodeName": "east-1"}
    return {"metadata": metadata, "spec": {**spec, "automountServiceAccountToken": False}}


async def test_restarts_are_counted_by_workload_container_and_reason(exporter: Watching, plane: ControlPlane) -> None:
    await done(ask, plane, "POST", "/api/v1/namespaces/shop/serviceaccounts", {"metadata": {"name": "default"}})
    path = "/api/v1/namespaces/shop/pods"
    status = {"phase": "Running", "containerStatuses": [container(2, "Error")]}
    await done(create, plane, path, pod("web-5f6-x", kind="ReplicaSet", name="web-5f6"), status)
    labels = {"namespace": "shop", "kind": "Deployment", "workload": "web", "container": "web"}
    ended = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    last = catalogue.CONTROLPLANE_CONTAINER_LAST_RESTART
    await until(exporter, last, [ended], reason="Error", **labels)
    status = {"phase": "Running", "containerStatuses": [container(4, "OOMKilled")]}
    await done(change, plane, f"{path}/web-5f6-x", status, status=True)
    restarts = catalogue.CONTROLPLANE_CONTAINER_RESTARTS
    scrape = await until(exporter, restarts, [2.0], reason="OOMKilled", **labels)
    before = scrape.values(restarts, reason="Error", **labels)
    assert before in ([0.0], [2.0])  # by whether the pod was first seen before or after its status was written

    involved = {"kind": "Pod", "namespace": "shop", "name": "web-5f6-x", "fieldPath": "spec.containers{web}"}
    event = {"involvedObject": involved, "reason": "Unhealthy", "type": "Warning", "count": 1}
    told = {"metadata": {"name": "web.1"}, "message": "Readiness probe failed: HTTP 503", **event}
    other = {"metadata": {"name": "web.2"}, "message": "pulled", **event, "reason": "Pulled"}
    events = "/api/v1/namespaces/shop/events"
    await done(create, plane, events, told)
    await done(create, plane, events, other)
    failures = catalogue.CONTROLPLANE_CONTAINER_PROBE_FAILURES
    await until(exporter, failures, [1.0], probe="readiness", **labels)
    again = (await done(ask, plane, "GET", f"{events}/web.1")).json() | {"count": 5}
    await done(ask, plane, "PUT", f"{events}/web.1", again)
    await until(exporter, failures, [5.0], probe="readiness", **labels)

    await done(delete, plane, f"{path}/web-5f6-x")
    scrape = await until(exporter, restarts, [], **labels)
    assert scrape.values(failures, **labels) == []


async def test_a_pod_of_the_system_that_is_not_ready_is_told_with_its_reason(
    exporter: Watching, plane: ControlPlane
) -> None:
    await done(ask, plane, "POST", "/api/v1/namespaces/kube-system/serviceaccounts", {"metadata": {"name": "default"}})
    path = "/api/v1/namespaces/kube-system/pods"
    status = {"phase": "Running", "containerStatuses": [container(9, "Error", "CrashLoopBackOff")]}
    await done(create, plane, path, pod("coredns"), status)
    labels = {"namespace": "kube-system", "pod": "coredns", "node": "east-1"}
    trouble = catalogue.CONTROLPLANE_SYSTEM_POD_NOT_READY
    await until(exporter, trouble, [1.0], reason="CrashLoopBackOff", **labels)
    ready = {"phase": "Running", "conditions": conditions(Ready="True")}
    await done(change, plane, f"{path}/coredns", ready, status=True)
    await until(exporter, trouble, [], **labels)
    await done(delete, plane, f"{path}/coredns")


async def test_an_aggregated_api_without_a_server_and_a_webhook_without_endpoints_are_told(
    exporter: Watching, plane: ControlPlane
) -> None:
    apis = "/apis/apiregistration.k8s.io/v1/apiservices"
    spec = {
        "group": "metrics.example",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": "shop", "name": "absent"},
    }
    name = "v1.metrics.example"
    await done(create, plane, apis, {"metadata": {"name": name}, "spec": spec})
    await until(exporter, catalogue.CONTROLPLANE_API_SERVICE, [0.0], apiservice=name)
    await done(delete, plane, f"{apis}/{name}")
    scrape = await until(exporter, catalogue.CONTROLPLANE_API_SERVICE, [], apiservice=name)
    assert scrape.labels(catalogue.CONTROLPLANE_API_SERVICE, "apiservice") == []

    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    client = {"service": {"namespace": "shop", "name": "gate"}, "caBundle": ""}
    hook = {"clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    webhooks = [{"name": "closed.example.com", **hook}, {"name": "open.example.com", "failurePolicy": "Ignore", **hook}]
    await done(create, plane, hooks, {"metadata": {"name": "gate"}, "webhooks": webhooks})
    labels = {"configuration": "gate", "kind": "validating", "namespace": "shop", "service": "gate"}
    ready = catalogue.CONTROLPLANE_WEBHOOK_ENDPOINTS
    scrape = await until(exporter, ready, [0.0], **labels)
    assert scrape.labels(ready, "webhook", **labels) == ["closed.example.com"]
    slices = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
    await done(create, plane, slices, endpoint_slice("gate", "10.1.0.1", "10.1.0.2"))
    await until(exporter, ready, [2.0], **labels)
    await done(delete, plane, f"{slices}/gate-1")
    await done(delete, plane, f"{hooks}/gate")
    await until(exporter, ready, [], **labels)


def endpoint_slice(service: str, *addresses: str, not_ready: str = "10.9.9.9") -> dict[str, Any]:
    ready = [
        {
            "addresses": [address],
            "conditions": {"ready": True},
            "nodeName": "east-1",
            "zone": "east",
            "targetRef": {"kind": "Pod", "name": f"{service}-{number}"},
        }
        for number, address in enumerate(addresses)
    ]
    return {
        "metadata": {"name": f"{service}-1", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [*ready, {"addresses": [not_ready], "conditions": {"ready": False}}],
        "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9100}],
    }


async def test_annotated_services_are_offered_to_prometheus_in_other_clusters(
    exporter: Watching, plane: ControlPlane
) -> None:
    services, slices = (
        f"{root}/namespaces/shop/{kind}"
        for root, kind in (("/api/v1", "services"), ("/apis/discovery.k8s.io/v1", "endpointslices"))
    )
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "metrics", "prometheus.io/path": "/stats"}
    spec = {"ports": [{"name": "http", "port": 80}], "clusterIP": "None"}
    await done(create, plane, services, {"metadata": {"name": "offered", "annotations": annotations}, "spec": spec})
    await done(create, plane, services, {"metadata": {"name": "private"}, "spec": spec})
    for name in ("offered", "private"):
        await done(create, plane, slices, endpoint_slice(name, "10.1.0.1"))
    deadline = time.monotonic() + PATIENCE
    while (found := json.loads((await exporter.get("/sd/services"))[1])) == []:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    place = {"cluster": "real", "region": "tw-north", "zone": "a", "namespace": "shop", "service": "offered"}
    where = {"pod": "offered-0", "node": "east-1", "node_zone": "east"}
    how = {"__metrics_path__": "/stats", "__scheme__": "http"}
    assert found == [{"targets": ["10.1.0.1:9100"], "labels": {**place, **where, **how}}]
    for name in ("offered", "private"):
        await done(delete, plane, f"{slices}/{name}-1")
        await done(delete, plane, f"{services}/{name}")


async def test_a_watch_goes_on_through_another_replica_without_listing_again(
    exporter: Watching, plane: ControlPlane
) -> None:
    lists = catalogue.CONTROLPLANE_WATCH_LISTS
    before = (await exporter.scrape()).values(lists)
    for replica in plane.replicas:
        replica.pause()
        try:
            await until(exporter, catalogue.CONTROLPLANE_ENDPOINT_UP, [0.0], endpoint=replica.url, role="replica")
            other = next(one for one in plane.replicas if one is not replica)
            name = f"seen-while-{replica.name}-hangs"
            lease = {"metadata": {"name": name}, "spec": {"holderIdentity": "me", "renewTime": now()}}
            path = LEASES.format("kube-system")
            assert (await done(other.ask, "POST", path, lease)).status == 201
            await until(exporter, catalogue.CONTROLPLANE_LEADER, [1.0], lease=name)
            assert (await done(other.ask, "DELETE", f"{path}/{name}")).status == 200
        finally:
            replica.resume()
        await until(exporter, catalogue.CONTROLPLANE_ENDPOINT_UP, [1.0, 1.0, 1.0])
    assert (await exporter.scrape()).values(lists) == before


async def test_probes_cost_each_replica_less_than_five_requests_a_second(
    plane: ControlPlane, kubeconfig: Path, tmp_path: Path
) -> None:
    """With the default settings; what the API servers ask themselves is counted, too."""

    def requests(replica: Replica) -> float:
        lines = replica.ask("GET", "/metrics", seconds=30).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("apiserver_request_total{"))

    settings = tmp_path / "clusters.yaml"
    endpoints = [replica.url for replica in plane.replicas]
    cluster = {"name": "real", "kubeconfig": str(kubeconfig), "endpoints": endpoints}
    settings.write_text(yaml.safe_dump({"clusters": [cluster]}))
    async with watching(settings) as exporter:
        await exporter.until_ready()
        before = [await done(requests, replica) for replica in plane.replicas]
        started = time.monotonic()
        await asyncio.sleep(16)  # a write through each endpoint among it
        made = [await done(requests, replica) for replica in plane.replicas]
        seconds = time.monotonic() - started
    rates = [(after - first) / seconds for first, after in zip(before, made, strict=True)]
    assert all(0.4 < rate < 5 for rate in rates), rates


async def test_missing_rights_are_told_and_the_rest_goes_on(plane: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = await done(plane.token_kubeconfig, "poor")
    rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]}
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    await done(create, plane, roles, {"metadata": {"name": "poor"}, "rules": [rule]})
    await done(plane.grant, "poor", "system:serviceaccount:default:poor")
    settings = tmp_path / "clusters.yaml"
    endpoints = [replica.url for replica in plane.replicas]
    cluster = {"name": "poor", "kubeconfig": str(kubeconfig), "endpoints": endpoints}
    settings.write_text(yaml.safe_dump({"interval": "1s", "clusters": [cluster]}))
    async with watching(settings) as exporter:
        await exporter.until_ready()
        scrape = await until(exporter, catalogue.CONTROLPLANE_WATCH_UP, [1.0], resource="nodes")
    assert scrape.values(catalogue.CONTROLPLANE_RIGHT, resource="nodes") == [1.0, 1.0]
    assert set(scrape.values(catalogue.CONTROLPLANE_RIGHT)) == {0.0, 1.0}
    assert scrape.values(catalogue.CONTROLPLANE_RIGHT, part="pods") == [0.0] * 4
    assert scrape.labels(catalogue.CONTROLPLANE_WATCH_UP, "resource") == ["nodes"]
    assert scrape.values(catalogue.CONTROLPLANE_WRITE_UP) == []
    assert scrape.values(catalogue.CONTROLPLANE_ENDPOINT_UP) == [1.0, 1.0, 1.0]


def can_i(kubeconfig: Path, right: Right) -> bool:
    """What `kubectl auth can-i` says."""
    place = ["--namespace", right.namespace] if right.namespace else ["--all-namespaces"]
    resource, _, subresource = right.resource.partition("/")
    name = f"{resource}.{right.group}".rstrip(".")
    command: list[str | Path] = [
        ensure("kubectl"),
        f"--kubeconfig={kubeconfig}",
        "auth",
        "can-i",
        right.verb,
        name,
        *place,
    ]
    command += [f"--subresource={subresource}"] if subresource else []
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.stdout.strip() in {"yes", "no"}, answer.stderr
    return bool(answer.stdout.strip() == "yes")


def test_kubectl_agrees_with_the_rights_that_the_manifest_grants(kubeconfig: Path) -> None:
    settings = WatchingSettings()
    for right in wanted_rights(View(settings), settings):
        assert can_i(kubeconfig, right), right
    for right in (
        Right("", "get", "", "secrets", "kube-system"),
        Right("", "list", "", "secrets"),
        Right("", "list", "", "configmaps", "kube-system"),
        Right("", "delete", "", "pods"),
        Right("", "create", "", "pods/exec", "default"),
        Right("", "create", "", "nodes/proxy"),
        Right("", "patch", "apps", "deployments"),
        Right("", "patch", "coordination.k8s.io", "leases", "kube-system"),
        Right("", "delete", "coordination.k8s.io", "leases", "tapwatch"),
    ):
        assert not can_i(kubeconfig, right), right
