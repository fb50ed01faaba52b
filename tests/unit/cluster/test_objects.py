"""What is understood of API objects, given as the API server sends them."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from exporters.cluster.objects.components import ApiService, ApiServices, WebhookConfiguration, Webhooks
from exporters.cluster.objects.events import Event, ProbeFailures
from exporters.cluster.objects.leases import Lease, Leases
from exporters.cluster.objects.nodes import Node, Nodes
from exporters.cluster.objects.pods import Pod, Pods, Workload, trouble_of, workload_of
from exporters.cluster.objects.services import (
    EndpointSlice,
    EndpointSlices,
    ScrapedServices,
    Service,
    TargetGroup,
    target_groups,
)
from exporters.cluster.objects.workloads import (
    DaemonSet,
    Deployment,
    StatefulSet,
    Workloads,
    daemon_set_rollout,
    deployment_rollout,
    stateful_set_rollout,
)
from exporters.cluster.sample import Sample
from tapwatch import catalogue

WALL = datetime(2026, 11, 21, 12, tzinfo=UTC)

Kind = TypeVar("Kind")


class Clock:
    """The monotonic clock of a test."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def read(kind: type[Kind], **content: Any) -> Kind:  # noqa: ANN401 - any object
    """An object as it comes over the wire, with keys that nobody decodes."""
    metadata = {"managedFields": [{"manager": "kubelet"}], "uid": "1", **content.pop("metadata", {})}
    return msgspec.json.decode(msgspec.json.encode({"metadata": metadata, **content}), type=kind)


def lease(renewed: datetime, name: str = "east-1", **spec: Any) -> Lease:  # noqa: ANN401 - a lease's own
    spec = {"renewTime": renewed, "leaseDurationSeconds": 40, **spec}
    return read(Lease, metadata={"name": name, "namespace": "kube-node-lease"}, spec=spec)


def leases(clock: Clock) -> Leases:
    return Leases(clock, WALL.timestamp)


def test_a_lease_ages_from_when_it_was_seen_to_change_whatever_the_holders_clock_says() -> None:
    clock = Clock()
    store = leases(clock)
    store.put(lease(WALL - timedelta(seconds=100)))
    held = store.get("kube-node-lease", "east-1")
    assert held is not None
    assert (clock() - held.renewed, held.expired(clock())) == (100, True)
    clock.seconds += 10
    store.put(lease(WALL - timedelta(hours=5)))
    held = store.get("kube-node-lease", "east-1")
    assert held is not None
    assert (clock() - held.renewed, held.expired(clock())) == (0, False)
    clock.seconds += 30
    store.put(lease(WALL - timedelta(hours=5), holderIdentity="the same renewal, listed again"))
    held = store.get("kube-node-lease", "east-1")
    assert held is not None
    assert clock() - held.renewed == 30


def test_a_lease_from_the_future_is_new_and_one_without_a_duration_never_expires() -> None:
    clock = Clock()
    store = leases(clock)
    store.put(lease(WALL + timedelta(hours=1), leaseDurationSeconds=None))
    held = store.get("kube-node-lease", "east-1")
    assert held is not None
    clock.seconds += 1e6
    assert (held.renewed, held.expired(clock())) == (1000.0, False)


def test_only_api_servers_whose_lease_is_fresh_count_as_alive() -> None:
    clock = Clock()
    store = leases(clock)
    for number, ago in enumerate((0, 10, 3600)):
        labels = {"apiserver.kubernetes.io/identity": "kube-apiserver"}
        metadata = {"name": f"apiserver-{number}", "namespace": "kube-system", "labels": labels}
        spec = {"renewTime": WALL - timedelta(seconds=ago), "leaseDurationSeconds": 3600}
        store.put(read(Lease, metadata=metadata, spec=spec))
    clock.seconds += 1
    assert store.api_servers() == 2
    assert list(store.samples()) == []


def test_a_node_without_a_lease_counts_as_expired_and_has_no_age() -> None:
    clock = Clock()
    heartbeats = leases(clock)
    nodes = Nodes(heartbeats, clock)
    for name in ("east-1", "east-2"):
        nodes.put(read(Node, metadata={"name": name, "labels": None}, spec={}, status={"conditions": None}))
    heartbeats.put(lease(WALL - timedelta(seconds=5)))
    assert list(nodes.heartbeat_samples()) == [
        Sample(catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE, ("east-1", ""), 5),
        Sample(catalogue.CONTROLPLANE_NODES, ("",), 2),
        Sample(catalogue.CONTROLPLANE_NODES_EXPIRED, ("",), 0.5),
    ]


def pod(labels: dict[str, str] | None = None, owner: dict[str, Any] | None = None, **content: Any) -> Pod:  # noqa: ANN401
    metadata = {"name": "web-5f6-x", "namespace": "shop", "labels": labels, "ownerReferences": owner and [owner]}
    return read(Pod, metadata=metadata, **content)


@pytest.mark.parametrize(
    ("labels", "owner", "workload"),
    [
        ({"pod-template-hash": "5f6"}, {"kind": "ReplicaSet", "name": "web-5f6"}, ("Deployment", "web")),
        (None, {"kind": "ReplicaSet", "name": "web-5f6"}, ("ReplicaSet", "web-5f6")),
        (None, {"kind": "StatefulSet", "name": "db"}, ("StatefulSet", "db")),
        (None, {"kind": "Job", "name": "backup-28900000"}, ("CronJob", "backup")),
        (None, {"kind": "Job", "name": "migrate-1"}, ("Job", "migrate-1")),
        (None, None, ("Pod", "web-5f6-x")),
    ],
)
def test_a_pod_belongs_to_what_a_person_would_name(
    labels: dict[str, str] | None, owner: dict[str, Any] | None, workload: tuple[str, str]
) -> None:
    owner = owner and {"controller": True, **owner}
    assert workload_of(pod(labels, owner)) == Workload("shop", *workload)


def status(**container: Any) -> dict[str, Any]:  # noqa: ANN401 - a container's status
    return {"phase": "Running", "containerStatuses": [{"name": "web", "ready": False, **container}]}


@pytest.mark.parametrize(
    ("told", "trouble"),
    [
        ({"phase": "Succeeded"}, ""),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, ""),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}, "NotReady"),
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed"}, "Failed"),
        (status(state={"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff"),
        (status(state={"waiting": {}}), "Unknown"),
        ({}, "Unknown"),
    ],
)
def test_a_pod_says_why_it_is_not_ready(told: dict[str, Any], trouble: str) -> None:
    assert trouble_of(pod(status=told)) == trouble


def ended(reason: str, restarts: int, at: datetime = WALL) -> dict[str, Any]:
    return status(restartCount=restarts, lastState={"terminated": {"reason": reason, "finishedAt": at}})


def test_restarts_are_counted_from_when_a_pod_was_first_seen() -> None:
    pods = Pods((), lambda: 5.0)
    labels = ("shop", "Pod", "web-5f6-x", "web")
    restarts, last = catalogue.CONTROLPLANE_CONTAINER_RESTARTS, catalogue.CONTROLPLANE_CONTAINER_LAST_RESTART
    pods.put(pod(status=ended("Error", 7)))
    assert list(pods.samples()) == [
        Sample(restarts, (*labels, "Error"), 0),
        Sample(last, (*labels, "Error"), WALL.timestamp()),
    ]
    pods.put(pod(status=ended("OOMKilled", 9)))
    pods.put(pod(status=ended("OOMKilled", 9)))
    assert Sample(restarts, (*labels, "OOMKilled"), 2) in list(pods.samples())
    pods.put(pod(status=status(restartCount=10)))
    assert Sample(restarts, (*labels, "Unknown"), 1) in list(pods.samples())
    assert Sample(last, (*labels, "Unknown"), 5.0) in list(pods.samples())
    pods.drop(pod())
    assert (list(pods.samples()), pods.has(Workload("shop", "Pod", "web-5f6-x"))) == ([], False)


def event(count: int, name: str = "web.1", message: str = "Liveness probe failed: HTTP 500") -> Event:
    involved = {"kind": "Pod", "namespace": "shop", "name": "web-5f6-x", "fieldPath": "spec.containers{web}"}
    return read(
        Event, metadata={"name": name, "namespace": "shop"}, involvedObject=involved, message=message, count=count
    )


def test_failing_probes_are_counted_by_how_often_their_event_was_repeated_since_we_watch() -> None:
    pods = Pods(())
    pods.put(pod())
    failures = ProbeFailures(pods)
    failures.begin()
    failures.put(event(10))
    failures.end()
    assert list(failures.samples()) == []
    failures.put(event(13))
    failures.put(event(1, "web.2"))
    failures.put(event(1, "web.3", "Readiness probe errored: cannot exec"))
    failures.put(event(1, "web.4", "Container was unhealthy in its own way"))
    labels = ("shop", "Pod", "web-5f6-x", "web")
    metric = catalogue.CONTROLPLANE_CONTAINER_PROBE_FAILURES
    told = [Sample(metric, (*labels, "liveness"), 4), Sample(metric, (*labels, "readiness"), 1)]
    assert list(failures.samples()) == told
    failures.drop(event(13))
    assert list(failures.samples()) == told
    pods.drop(pod())
    assert list(failures.samples()) == []


def deployment(generation: int = 2, **parts: Any) -> Deployment:  # noqa: ANN401 - of its spec and status
    spec = {"replicas": 2, **parts.pop("spec", {})}
    return read(Deployment, metadata={"name": "web", "namespace": "shop", "generation": generation}, spec=spec, **parts)


DONE = {"observedGeneration": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


def stuck(store: Workloads[Deployment]) -> float:
    return next(one.value for one in store.samples() if one.metric is catalogue.CONTROLPLANE_WORKLOAD_STUCK)


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        ({"status": DONE}, 0.0),
        ({"status": {**DONE, "updatedReplicas": 1}}, 1.0),
        ({"status": {**DONE, "availableReplicas": 1}}, 1.0),
        ({"status": {**DONE, "observedGeneration": 1}}, 1.0),
        ({"status": {**DONE, "updatedReplicas": 1}, "spec": {"paused": True}}, 0.0),
    ],
)
def test_a_rollout_that_stands_still_for_too_long_is_stuck_unless_people_want_it_so(
    parts: dict[str, Any], value: float
) -> None:
    clock = Clock()
    store = Workloads("Deployment", deployment_rollout, 600.0, clock)
    store.put(deployment(**parts))
    clock.seconds += 600
    assert stuck(store) == 0.0
    clock.seconds += 1
    assert stuck(store) == value


def test_a_rollout_that_moves_is_not_stuck() -> None:
    clock = Clock()
    store = Workloads("Deployment", deployment_rollout, 600.0, clock)
    for updated in (0, 1):
        store.put(deployment(status={**DONE, "updatedReplicas": updated}))
        clock.seconds += 500
    store.put(deployment(status={**DONE, "updatedReplicas": 1}))
    assert stuck(store) == 0.0
    clock.seconds += 101
    assert stuck(store) == 1.0


def test_a_deployment_that_gave_up_by_itself_is_stuck_at_once() -> None:
    clock = Clock()
    store = Workloads("Deployment", deployment_rollout, 600.0, clock)
    gave_up = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    store.put(deployment(status={**DONE, "updatedReplicas": 1, "conditions": [gave_up]}))
    assert stuck(store) == 1.0


def test_each_kind_has_its_own_words_for_the_same() -> None:
    stateful = read(
        StatefulSet,
        metadata={"name": "db", "generation": 3},
        spec={"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
        status={"observedGeneration": 3, "updatedReplicas": 1, "updateRevision": "db-5f6"},
    )
    rollout = stateful_set_rollout(stateful)
    assert (rollout.desired, rollout.updated, rollout.revision) == (2, 1, "db-5f6")
    assert not rollout.is_stuck(1e9, 600.0)
    daemon = read(
        DaemonSet,
        metadata={"name": "agent", "annotations": {"deprecated.daemonset.template.generation": "5"}},
        spec={"template": {"spec": {"containers": [{"name": "agent", "image": "agent:5"}]}}},
        status={
            "desiredNumberScheduled": 4,
            "updatedNumberScheduled": 3,
            "numberReady": 2,
            "numberAvailable": 1,
        },
    )
    rollout = daemon_set_rollout(daemon)
    assert (rollout.desired, rollout.updated, rollout.ready, rollout.available) == (4, 3, 2, 1)
    assert (rollout.revision, rollout.images) == ("5", (("agent", "agent:5"),))
    assert rollout.is_stuck(1e9, 600.0)


def test_an_api_of_the_api_server_itself_is_only_told_while_it_is_not_available() -> None:
    apis = ApiServices()
    for name, service, available in (
        ("v1.", None, "True"),
        ("v1.apps", None, "False"),
        ("v1.metrics", {"namespace": "kube-system", "name": "metrics"}, "True"),
    ):
        conditions = [{"type": "Available", "status": available}]
        apis.put(
            read(ApiService, metadata={"name": name}, spec={"service": service}, status={"conditions": conditions})
        )
    metric = catalogue.CONTROLPLANE_API_SERVICE
    assert list(apis.samples()) == [Sample(metric, ("v1.apps",), 0.0), Sample(metric, ("v1.metrics",), 1.0)]


def test_only_webhooks_that_fail_closed_and_are_answered_inside_are_told() -> None:
    webhooks = Webhooks("mutating")
    inside = {"service": {"namespace": "shop", "name": "gate"}}
    listed = [
        {"name": "closed", "clientConfig": inside, "failurePolicy": "Fail"},
        {"name": "by-default", "clientConfig": inside},
        {"name": "open", "clientConfig": inside, "failurePolicy": "Ignore"},
        {"name": "outside", "clientConfig": {"url": "https://gate.example"}},
    ]
    webhooks.put(read(WebhookConfiguration, metadata={"name": "gates"}, webhooks=listed))
    metric, service = catalogue.CONTROLPLANE_WEBHOOK_ENDPOINTS, ("shop", "gate")
    assert list(webhooks.samples({service: 2})) == [
        Sample(metric, ("mutating", "gates", "closed", *service), 2),
        Sample(metric, ("mutating", "gates", "by-default", *service), 2),
    ]
    assert {sample.value for sample in webhooks.samples({})} == {0}


def targets(annotations: dict[str, str] | None, ports: list[dict[str, Any]] | None) -> list[TargetGroup]:
    services, slices = ScrapedServices(), EndpointSlices()
    services.put(read(Service, metadata={"name": "web", "namespace": "shop", "annotations": annotations}))
    for name, address in (("web-1", "10.1.0.1"), ("web-2", "fd00::1")):
        metadata = {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}}
        ready = [{"addresses": [address], "conditions": {}}, {"addresses": None}, {"addresses": []}]
        not_ready = [{"addresses": ["10.9.9.9"], "conditions": {"ready": False}}]
        slices.put(read(EndpointSlice, metadata=metadata, endpoints=[*ready, *not_ready], ports=ports))
    assert slices.ready_counts()["shop", "web"] == 2
    return list(target_groups(services, slices))


@pytest.mark.parametrize(
    ("annotations", "ports", "expected"),
    [
        ({"prometheus.io/scrape": "true"}, [{"port": 80}], 80),
        ({"prometheus.io/scrape": "true"}, [{"name": "http", "port": 80}, {"name": "metrics", "port": 9}], 80),
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "metrics"}, [{"name": "metrics", "port": 9}], 9),
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "9100"}, None, 9100),
    ],
)
def test_ready_endpoints_of_services_that_ask_for_it_become_targets(
    annotations: dict[str, str], ports: list[dict[str, Any]] | None, expected: int
) -> None:
    found = [group.targets for group in targets(annotations, ports)]
    assert found == [[f"10.1.0.1:{expected}"], [f"[fd00::1]:{expected}"]]


@pytest.mark.parametrize(
    ("annotations", "ports"),
    [
        (None, [{"port": 80}]),
        ({"prometheus.io/scrape": "false"}, [{"port": 80}]),
        ({"prometheus.io/scrape": "true"}, None),
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "absent"}, [{"name": "http", "port": 80}]),
    ],
)
def test_services_that_do_not_ask_or_have_no_such_port_become_no_targets(
    annotations: dict[str, str] | None, ports: list[dict[str, Any]] | None
) -> None:
    assert targets(annotations, ports) == []
