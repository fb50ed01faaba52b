"""What the exporter says of nodes that kwok keeps alive, and of what real controllers and a scheduler run on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from laboratory.kubernetes.kwok import LEASE_SECONDS, nodes_kept_alive
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.kubernetes.population import Population, populated
from laboratory.servers.daemon import Daemon
from laboratory.servers.waiting import comes_true
from tapwatch import catalogue
from tests.cluster.watching import Exporter, cluster_settings, exporter_on
from tests.integration.cluster.watching import Scrape

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled, pytest.mark.root]

SMALL = Population("heartbeats", nodes=20, deployments=4, replicas=10, namespaces=2)
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
EXPIRED, READY = catalogue.CONTROLPLANE_NODES_EXPIRED, {"condition": "Ready"}
REPLICAS, REVISION = catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, catalogue.CONTROLPLANE_WORKLOAD_REVISION
STUCK, IMAGE = catalogue.CONTROLPLANE_WORKLOAD_STUCK, catalogue.CONTROLPLANE_WORKLOAD_IMAGE
WEB = {"kind": "Deployment", "workload": "web"}


@pytest.fixture(scope="module")
def kwok(shared_plane: HighlyAvailable) -> Iterator[Daemon]:
    with populated(shared_plane, SMALL), nodes_kept_alive(shared_plane) as kwok:
        yield kwok


@pytest.fixture(scope="module")
def exporter(
    shared_plane: HighlyAvailable, kwok: Daemon, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exporter]:
    """All nodes have a lease that is fresh."""
    settings = {"rollout_deadline": "5s", "parts": ["nodes", "services", "pods", "workloads"]}
    cluster = cluster_settings(shared_plane, shared_plane.kubeconfig)
    with exporter_on(tmp_path_factory.mktemp("exporter"), clusters=[cluster], **settings) as exporter:
        assert kwok.running
        exporter.until(lambda scrape: len(heartbeats(scrape)) == SMALL.nodes)
        yield exporter


def test_nodes_are_counted_by_zone(exporter: Exporter) -> None:
    scrape = exporter.until(lambda scrape: scrape.values(EXPIRED) == [0, 0])
    assert set(scrape.labels(EXPIRED, "node_zone")) == {"zone-a", "zone-b"}
    assert scrape.values(catalogue.CONTROLPLANE_NODES) == [SMALL.nodes / 2, SMALL.nodes / 2]
    assert set(scrape.labels(catalogue.CONTROLPLANE_NODE_CONDITION, "status", **READY)) == {"True"}


def test_a_rollout_is_followed_from_revision_to_revision(exporter: Exporter, plane: HighlyAvailable) -> None:
    with deployed(plane, "web:1"):
        exporter.until(lambda scrape: scrape.values(REPLICAS, state="available", **WEB) == [3])
        assert exporter.scrape().labels(REVISION, "revision", **WEB) == ["1"]
        web = plane.entrance.ask("GET", f"{DEPLOYMENTS}/web").json()
        web["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
        plane.entrance.ask("PUT", f"{DEPLOYMENTS}/web", web)
        scrape = exporter.until(lambda scrape: scrape.labels(REVISION, "revision", **WEB) == ["2"])
        assert scrape.labels(IMAGE, "image", **WEB) == ["web:2"]
        scrape = exporter.until(lambda scrape: scrape.values(REPLICAS, state="updated", **WEB) == [3])
        assert scrape.values(STUCK, **WEB) == [0]


def test_a_rollout_that_nothing_can_run_is_stuck(exporter: Exporter, plane: HighlyAvailable) -> None:
    with deployed(plane, "web:1", nodeSelector={"there": "is-no-such-node"}):
        exporter.until(lambda scrape: scrape.values(STUCK, **WEB) == [1])
        assert exporter.scrape().values(REPLICAS, state="available", **WEB) == [0]
    exporter.until(lambda scrape: scrape.values(STUCK, **WEB) == [])


def test_ready_endpoints_of_annotated_services_are_targets(exporter: Exporter, plane: HighlyAvailable) -> None:
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    plane.create(SERVICES, {"metadata": {"name": "web", "annotations": annotations}, "spec": spec})
    try:
        with deployed(plane, "web:1"):
            assert comes_true(lambda: len(targets(exporter)) == 3, 60)
            assert {one.rsplit(":", 1)[1] for one in targets(exporter)} == {"8080"}
        assert comes_true(lambda: targets(exporter) == [], 60)
    finally:
        plane.entrance.ask("DELETE", f"{SERVICES}/web")


def test_nodes_whose_heartbeats_stop_are_expired(exporter: Exporter, kwok: Daemon) -> None:
    kwok.pause()
    exporter.until(lambda scrape: scrape.values(EXPIRED) == [1, 1], LEASE_SECONDS + 60)
    scrape = exporter.until(
        lambda scrape: set(scrape.labels(catalogue.CONTROLPLANE_NODE_CONDITION, "status", **READY)) == {"Unknown"}, 90
    )
    assert min(heartbeats(scrape)) > LEASE_SECONDS
    assert set(scrape.labels(catalogue.CONTROLPLANE_NODE_TAINT, "key")) >= {"node.kubernetes.io/unreachable"}
    kwok.resume()
    exporter.until(lambda scrape: scrape.values(EXPIRED) == [0, 0], 90)


@contextmanager
def deployed(plane: HighlyAvailable, image: str, **pod: object) -> Iterator[None]:
    """Three pods of a Deployment named web; they end while their nodes live, as those of dead ones stay for minutes."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}], **pod}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    plane.create(DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec})
    try:
        yield
    finally:
        plane.entrance.ask("DELETE", f"{DEPLOYMENTS}/web")
        assert comes_true(lambda: not plane.entrance.ask("GET", f"{PODS}?labelSelector=app%3Dweb").json()["items"], 60)


def heartbeats(scrape: Scrape) -> list[float]:
    """The ages of the nodes' leases."""
    return scrape.values(catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE)


def targets(exporter: Exporter) -> list[str]:
    """All that a Prometheus elsewhere would find."""
    return [target for group in exporter.read_json("/sd/services") for target in group["targets"]]
