"""Two clusters, told by the catalogue: one that has lost a master, with a stuck rollout, and one that is well."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from laboratory.history.openmetrics import DAY, HOUR, Labels, Sample, spell
from tapwatch import catalogue
from tapwatch.catalogue import Metric

Value = Callable[[float, float], float | None]
"""Of the moment, and the hours that are left until the end; None where there is no sample."""

OUTAGE_HOURS = 1.0
"""The first cluster's third master has been dead for so long."""
ADDRESS_OUTAGE = 1.9, 1.5
"""Its address was down from so many hours before the end until so many."""
SECOND_ROLLOUT_HOURS = 0.6
MASTERS = 3


@dataclass(frozen=True)
class Cluster:
    """A cluster and where it is."""

    name: str
    region: str
    ill: bool

    @property
    def labels(self) -> dict[str, str]:
        return {
            "job": "cluster-exporter",
            "instance": "127.0.0.1:9803",
            "cluster": self.name,
            "region": self.region,
            "zone": "",
        }


CLUSTERS = (Cluster("campus", "tw-north", ill=True), Cluster("harbour", "tw-south", ill=False))


def steady(value: float) -> Value:
    """The same all the time."""
    return lambda _moment, _left: value


def counting(each_second: float) -> Value:
    """A counter that has run since 1970."""
    return lambda moment, _left: moment * each_second % 1e9


def expiring(days: float) -> Value:
    """A Unix time so many days after the end."""
    return lambda moment, left: moment + left * HOUR + days * DAY


def only(value: float, *, within: float) -> Value:
    """A value that is there in the last hours only."""
    return lambda _moment, left: value if left <= within else None


def until_then(value: float, within: float) -> Value:
    """A value that is there but for the last hours."""
    return lambda _moment, left: None if left <= within else value


def gap(began: float, ended: float) -> Value:
    """1, but 0 from so many hours before the end until so many."""
    return lambda _moment, left: float(not began >= left >= ended)


def growing(least: float, within: float) -> Value:
    """Seconds since something was last heard of, so many hours before the end."""
    return lambda _moment, left: max(least, (within - left) * HOUR)


def from_then_on(before: float, after: float, within: float) -> Value:
    """One value, and another in the last hours."""
    return lambda _moment, left: after if left <= within else before


def samples(moment: float, until: float) -> Iterator[Sample]:
    """What Prometheus has of the clusters at the moment."""
    left = (until - moment) / HOUR
    for series, value in SERIES:
        if (sample := value(moment, left)) is not None:
            yield series, sample


def _series() -> Iterator[tuple[str, Value]]:
    for cluster in CLUSTERS:
        for metric, labels, value in _told(cluster):
            expected = {*metric.labels} - {"cluster", "region", "zone"}
            assert set(labels) == expected, f"{metric.name}: {set(labels)} instead of {expected}"
            yield spell(metric.name, {**cluster.labels, **labels}), value


def _told(cluster: Cluster) -> Iterator[tuple[Metric, Labels, Value]]:
    yield catalogue.CONTROLPLANE_CLUSTER, {"provider": "on-premises"}, steady(1)
    yield catalogue.CONTROLPLANE_DISCOVERY_UP, {}, steady(1)
    yield catalogue.CONTROLPLANE_CREDENTIAL_EXPIRY, {}, expiring(200)
    for component in ("kube-apiserver", "kubelet"):
        yield catalogue.CONTROLPLANE_VERSION_SKEW, {"component": component}, steady(0)
    for source in ("listed", "alive", "up"):
        lost = source != "listed" and cluster.ill
        yield catalogue.CONTROLPLANE_REPLICAS, {"source": source}, from_then_on(MASTERS, MASTERS - lost, OUTAGE_HOURS)
    for about in ("health", "version"):
        yield catalogue.CONTROLPLANE_DISAGREEMENT, {"about": about}, steady(0)
    for number in range(MASTERS):
        yield from _master(cluster, number)
    address = {"endpoint": f"https://{cluster.name}.example:6443", "role": "address"}
    yield from _endpoint(address, gap(*ADDRESS_OUTAGE) if cluster.ill else steady(1), dead=False)
    for lease, holder in (("kube-controller-manager", "master-1"), ("kube-scheduler", "master-2")):
        yield catalogue.CONTROLPLANE_LEADER, {"lease": lease, "holder": holder}, steady(1)
        yield catalogue.CONTROLPLANE_LEADER_AGE, {"lease": lease}, steady(1.2)
        yield catalogue.CONTROLPLANE_LEADER_DURATION, {"lease": lease}, steady(15)
        yield catalogue.CONTROLPLANE_LEADER_TRANSITIONS, {"lease": lease}, from_then_on(4, 5, OUTAGE_HOURS)
    yield from _nodes(cluster)
    yield from _workloads(cluster)
    for resource in ("nodes", "deployments"):
        collection = {"resource": resource, "namespace": ""}
        yield catalogue.CONTROLPLANE_WATCH_UP, collection, steady(1)
        yield catalogue.CONTROLPLANE_WATCH_OBJECTS, collection, steady(12)
        yield catalogue.CONTROLPLANE_WATCH_EVENTS, collection, counting(0.2)


def _master(cluster: Cluster, number: int) -> Iterator[tuple[Metric, Labels, Value]]:
    dead = cluster.ill and number == MASTERS - 1
    address = f"10.{1 + CLUSTERS.index(cluster)}.0.{11 + number}"
    gone = OUTAGE_HOURS if dead else -1
    yield from _endpoint(
        {"endpoint": f"https://{address}:6443", "role": "replica"}, from_then_on(1, 0, gone), dead=dead
    )
    member = {"endpoint": f"https://{address}:2379"}
    yield catalogue.CONTROLPLANE_ETCD_UP, member, from_then_on(1, 0, gone)
    if dead:
        yield catalogue.CONTROLPLANE_ETCD_FAILURE, {**member, "reason": "timeout"}, only(1, within=OUTAGE_HOURS)
    for metric, value in (
        (catalogue.CONTROLPLANE_ETCD_SECONDS, 0.01),
        (catalogue.CONTROLPLANE_ETCD_MEMBERS, MASTERS),
        (catalogue.CONTROLPLANE_ETCD_HAS_LEADER, 1),
        (catalogue.CONTROLPLANE_ETCD_IS_LEADER, number == 0),
        (catalogue.CONTROLPLANE_ETCD_TERM, 7),
        (catalogue.CONTROLPLANE_ETCD_INDEX, 120_000),
        (catalogue.CONTROLPLANE_ETCD_DATABASE, 240e6),
        (catalogue.CONTROLPLANE_ETCD_IN_USE, 90e6),
    ):
        yield metric, member, until_then(value, gone)


def _endpoint(endpoint: Labels, up: Value, *, dead: bool) -> Iterator[tuple[Metric, Labels, Value]]:
    gone = OUTAGE_HOURS if dead else -1
    yield catalogue.CONTROLPLANE_ENDPOINT_UP, endpoint, up
    yield catalogue.CONTROLPLANE_LAST_PROBE, endpoint, lambda moment, _left: moment - 3
    yield catalogue.CONTROLPLANE_CERTIFICATE_EXPIRY, endpoint, expiring(90)
    yield catalogue.CONTROLPLANE_CLOCK_SKEW, endpoint, steady(0.02)
    yield catalogue.CONTROLPLANE_WRITE_UP, endpoint, up
    yield catalogue.CONTROLPLANE_WRITE_SECONDS, endpoint, from_then_on(0.02, 5, gone)
    yield catalogue.CONTROLPLANE_WRITES, {**endpoint, "result": "ok"}, counting(0.1)
    yield catalogue.CONTROLPLANE_VERSION, {**endpoint, "git_version": "v1.37.0"}, steady(1)
    for path in ("/livez", "/readyz"):
        at = {**endpoint, "path": path}
        yield catalogue.CONTROLPLANE_HEALTH, at, up
        yield catalogue.CONTROLPLANE_PROBE_SECONDS, at, from_then_on(0.012, 5, gone)
        yield catalogue.CONTROLPLANE_PROBES, {**at, "result": "ok"}, counting(0.2)
        yield catalogue.CONTROLPLANE_CHECK, {**at, "check": "etcd"}, up
        if dead:
            yield catalogue.CONTROLPLANE_PROBES, {**at, "result": "timeout"}, counting(0.2)
    for stage in ("dns", "connect", "tls"):
        yield catalogue.CONTROLPLANE_STAGE_SECONDS, {**endpoint, "stage": stage}, steady(0.003)
    if dead:
        yield catalogue.CONTROLPLANE_ENDPOINT_FAILURE, {**endpoint, "reason": "timeout"}, only(1, within=gone)
        yield catalogue.CONTROLPLANE_WRITE_FAILURE, {**endpoint, "reason": "timeout"}, only(1, within=gone)


def _nodes(cluster: Cluster) -> Iterator[tuple[Metric, Labels, Value]]:
    for node_zone in ("a", "b"):
        lost = cluster.ill and node_zone == "b"
        yield catalogue.CONTROLPLANE_NODES, {"node_zone": node_zone}, steady(2)
        yield catalogue.CONTROLPLANE_NODES_EXPIRED, {"node_zone": node_zone}, from_then_on(0, 0.5 * lost, OUTAGE_HOURS)
        for number in (1, 2):
            node = {"node": f"worker-{node_zone}{number}", "node_zone": node_zone}
            silent = lost and number == 1
            yield catalogue.CONTROLPLANE_NODE, {**node, "kubelet_version": "v1.37.0"}, steady(1)
            yield (
                catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE,
                node,
                growing(5, OUTAGE_HOURS) if silent else steady(5),
            )
            ready = {**node, "condition": "Ready", "status": "True"}
            yield (
                catalogue.CONTROLPLANE_NODE_CONDITION,
                ready,
                until_then(1, OUTAGE_HOURS if silent else -1),
            )
            if silent:
                unknown = {**node, "condition": "Ready", "status": "Unknown"}
                yield catalogue.CONTROLPLANE_NODE_CONDITION, unknown, only(1, within=OUTAGE_HOURS)
            disk = {"node": node["node"], "disk": "nodefs"}
            yield catalogue.CONTROLPLANE_NODE_DISK_FILL, disk, steady(0.4)


def _workloads(cluster: Cluster) -> Iterator[tuple[Metric, Labels, Value]]:
    for namespace, kind, name, container in (
        ("shop", "Deployment", "web", "nginx"),
        ("shop", "StatefulSet", "orders", "postgres"),
        ("kube-system", "Deployment", "coredns", "coredns"),
    ):
        stuck = cluster.ill and name == "web"
        workload = {"namespace": namespace, "kind": kind, "workload": name}
        for state in ("desired", "updated", "ready", "available"):
            missing = 1 if stuck and state != "desired" else 0
            yield (
                catalogue.CONTROLPLANE_WORKLOAD_REPLICAS,
                {**workload, "state": state},
                from_then_on(3, 3 - missing, SECOND_ROLLOUT_HOURS),
            )
        yield catalogue.CONTROLPLANE_WORKLOAD_STUCK, workload, from_then_on(0, stuck, SECOND_ROLLOUT_HOURS / 2)
        yield catalogue.CONTROLPLANE_WORKLOAD_GENERATION_LAG, workload, steady(0)
        yield (
            catalogue.CONTROLPLANE_WORKLOAD_REVISION,
            {**workload, "revision": "1"},
            until_then(1, SECOND_ROLLOUT_HOURS if stuck else -1),
        )
        if stuck:
            yield (
                catalogue.CONTROLPLANE_WORKLOAD_REVISION,
                {**workload, "revision": "2"},
                only(1, within=SECOND_ROLLOUT_HOURS),
            )
        image = {**workload, "container": container, "image": f"{container}:1.2"}
        yield catalogue.CONTROLPLANE_WORKLOAD_IMAGE, image, steady(1)
        restarts = {**workload, "container": container, "reason": "OOMKilled"}
        probes = {**workload, "container": container, "probe": "readiness"}
        yield catalogue.CONTROLPLANE_CONTAINER_RESTARTS, restarts, counting(1 / 1200 if stuck else 0)
        yield catalogue.CONTROLPLANE_CONTAINER_PROBE_FAILURES, probes, counting(0.1 if stuck else 0)
    if cluster.ill:
        pod = {"namespace": "kube-system", "pod": "coredns-1", "node": "worker-b1", "reason": "NodeLost"}
        yield catalogue.CONTROLPLANE_SYSTEM_POD_NOT_READY, pod, only(1, within=OUTAGE_HOURS)


SERIES = tuple(_series())
