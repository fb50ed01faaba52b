"""What the exporter says while parts of the control plane fail, and how soon."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from laboratory.kubernetes.extension import Extension, extended
from laboratory.kubernetes.kubectl import kubectl
from laboratory.kubernetes.plane import HighlyAvailable
from tapwatch import catalogue
from tests.cluster.watching import ACCOUNT, NAMESPACE, RIGHTS, Exporter, cluster_settings, exporter_on
from tests.integration.cluster.watching import Scrape

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled, pytest.mark.root]

UP, FAILURE, CHECK = (
    catalogue.CONTROLPLANE_ENDPOINT_UP,
    catalogue.CONTROLPLANE_ENDPOINT_FAILURE,
    catalogue.CONTROLPLANE_CHECK,
)
WRITE_UP, WRITE_FAILURE = catalogue.CONTROLPLANE_WRITE_UP, catalogue.CONTROLPLANE_WRITE_FAILURE
ETCD_UP, ETCD_FAILURE = catalogue.CONTROLPLANE_ETCD_UP, catalogue.CONTROLPLANE_ETCD_FAILURE
REPLICAS, EXPIRY = catalogue.CONTROLPLANE_REPLICAS, catalogue.CONTROLPLANE_CERTIFICATE_EXPIRY
SILENT = {"timeout", "connect"}
"""Why nobody is there: the kernel tells at once that a neighbour is gone, once it has asked for it in vain."""


@pytest.fixture(scope="module")
def running_exporter(
    shared_plane: HighlyAvailable, tmp_path_factory: pytest.TempPathFactory, noticed: dict[str, float]
) -> Iterator[Exporter]:
    """With the rights that are shipped, and no others."""
    kubectl(shared_plane.kubeconfig, "apply", "-f", RIGHTS)
    kubeconfig = shared_plane.token_kubeconfig(ACCOUNT, namespace=NAMESPACE)
    settings = cluster_settings(shared_plane, kubeconfig)
    with exporter_on(tmp_path_factory.mktemp("exporter"), clusters=[settings]) as exporter:
        yield exporter
        noticed.update(exporter.noticed)


@pytest.fixture
def exporter(running_exporter: Exporter, plane: HighlyAvailable) -> Exporter:
    """All is well, and it says so."""
    running_exporter.until(lambda scrape: is_well(scrape, plane))
    return running_exporter


def test_every_part_of_a_whole_control_plane_is_seen(exporter: Exporter, plane: HighlyAvailable) -> None:
    scrape = exporter.scrape()
    urls = {master.api.url for master in plane.masters}
    assert set(scrape.labels(UP, "endpoint", role="replica")) == urls
    assert scrape.labels(UP, "endpoint", role="address") == [plane.entrance.url]
    assert scrape.labels(catalogue.CONTROLPLANE_VERSION, "git_version") == ["v1.37.0"] * 4
    assert set(scrape.values(catalogue.CONTROLPLANE_ETCD_MEMBERS)) == {3}
    assert sum(scrape.values(catalogue.CONTROLPLANE_ETCD_IS_LEADER)) == 1
    assert set(scrape.values(catalogue.CONTROLPLANE_RIGHT)) == {1}
    assert set(scrape.values(catalogue.CONTROLPLANE_DISAGREEMENT)) == {0}
    assert all(abs(skew) < 1 for skew in scrape.values(catalogue.CONTROLPLANE_CLOCK_SKEW))
    for source in ("listed", "lease", "up"):
        assert scrape.values(REPLICAS, source=source) == [3]
    for lease in ("kube-scheduler", "kube-controller-manager"):
        (holder,) = scrape.labels(catalogue.CONTROLPLANE_LEADER, "holder", lease=lease)
        assert holder.startswith(plane.leader(lease).name)


def test_a_killed_api_server(exporter: Exporter, plane: HighlyAvailable) -> None:
    dead, *others = (master.api for master in plane.masters)
    dead.kill()
    scrape = exporter.notices("API server killed", lambda scrape: is_down(scrape, dead.url))
    assert scrape.labels(FAILURE, "reason", endpoint=dead.url) == ["connect"]
    for other in others:
        assert scrape.values(UP, endpoint=other.url) == [1]
    exporter.until(lambda scrape: scrape.values(REPLICAS, source="listed") == [2])
    assert exporter.scrape().values(UP, role="address") == [1]


def test_a_hung_api_server(exporter: Exporter, plane: HighlyAvailable) -> None:
    hung = plane.masters[1].api
    hung.pause()
    scrape = exporter.notices("API server hung", lambda scrape: is_down(scrape, hung.url))
    assert scrape.labels(FAILURE, "reason", endpoint=hung.url) == ["timeout"]
    exporter.until(lambda scrape: scrape.labels(WRITE_FAILURE, "reason", endpoint=hung.url) == ["timeout"])
    hung.resume()
    exporter.notices("API server goes on", lambda scrape: is_well(scrape, plane), promised=10)


def test_a_killed_etcd_member(exporter: Exporter, plane: HighlyAvailable) -> None:
    broken, *whole = plane.masters
    broken.etcd.kill()
    scrape = exporter.notices(
        "etcd member killed", lambda scrape: scrape.values(ETCD_UP, endpoint=broken.etcd_url) == [0]
    )
    assert scrape.labels(ETCD_FAILURE, "reason", endpoint=broken.etcd_url) == ["connect"]
    check = {"endpoint": broken.api.url, "path": "/readyz", "check": "etcd"}
    exporter.until(lambda scrape: scrape.values(CHECK, **check) == [0])
    scrape = exporter.until(lambda scrape: scrape.values(UP, role="address") == [1])
    for master in whole:
        assert scrape.values(UP, endpoint=master.api.url) == [1]
        assert scrape.values(ETCD_UP, endpoint=master.etcd_url) == [1]


def test_etcd_without_a_majority(exporter: Exporter, plane: HighlyAvailable) -> None:
    *paused, alone = plane.masters
    for master in paused:
        master.etcd.pause()
    exporter.notices("no majority of etcd, seen by writes", lambda scrape: not any(scrape.values(WRITE_UP)), promised=7)
    exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_ETCD_HAS_LEADER, endpoint=alone.etcd_url) == [0])
    expected = {**{master.etcd_url: "timeout" for master in paused}, alone.etcd_url: "unhealthy"}
    exporter.until(lambda scrape: etcd_failures(scrape) == expected)


def test_a_master_without_power(exporter: Exporter, plane: HighlyAvailable) -> None:
    dark = plane.masters[2]
    dark.power_off()
    scrape = exporter.notices("master without power", lambda scrape: is_down(scrape, dark.api.url))
    assert set(scrape.labels(FAILURE, "reason", endpoint=dark.api.url)) <= SILENT
    exporter.until(lambda scrape: scrape.values(ETCD_UP, endpoint=dark.etcd_url) == [0])
    scrape = exporter.until(lambda scrape: scrape.values(REPLICAS, source="listed") == [2])
    assert scrape.values(REPLICAS, source="up") == [2]
    exporter.until(lambda scrape: scrape.values(UP, role="address") == [1])
    exporter.until(lambda scrape: all(dark.name not in one for one in holders(scrape)))


def test_a_hung_master(exporter: Exporter, plane: HighlyAvailable) -> None:
    hung = plane.masters[0]
    hung.hang()
    scrape = exporter.notices("master hung", lambda scrape: is_down(scrape, hung.api.url))
    assert scrape.labels(FAILURE, "reason", endpoint=hung.api.url) == ["timeout"]
    exporter.until(lambda scrape: scrape.labels(ETCD_FAILURE, "reason", endpoint=hung.etcd_url) == ["timeout"])
    exporter.until(lambda scrape: scrape.values(UP, role="address") == [1])


def test_a_master_cut_off(exporter: Exporter, plane: HighlyAvailable) -> None:
    alone = plane.masters[1]
    alone.cut()
    scrape = exporter.notices("master cut off", lambda scrape: is_down(scrape, alone.api.url))
    assert set(scrape.labels(FAILURE, "reason", endpoint=alone.api.url)) <= SILENT
    exporter.until(lambda scrape: scrape.values(UP, role="address") == [1])


def test_an_address_that_does_not_answer_though_the_replicas_do(exporter: Exporter, plane: HighlyAvailable) -> None:
    plane.balancer.kill()
    scrape = exporter.notices("balancer killed", lambda scrape: is_down(scrape, plane.entrance.url))
    assert scrape.values(UP, role="replica") == [1, 1, 1]
    exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_DISAGREEMENT, about="health") == [1])
    assert scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == [1]


def test_a_certificate_that_expires_soon(exporter: Exporter, plane: HighlyAvailable) -> None:
    master, lifetime = plane.masters[0], timedelta(days=3)
    master.certify(lifetime)
    end = time.time() + lifetime.total_seconds()
    exporter.notices(
        "certificate that expires soon",
        lambda scrape: abs(scrape.values(EXPIRY, endpoint=master.api.url)[0] - end) < 60,
    )
    assert exporter.scrape().values(UP, endpoint=master.api.url) == [1]


def test_a_certificate_that_has_expired(exporter: Exporter, plane: HighlyAvailable) -> None:
    master = plane.masters[2]
    master.certify(timedelta(hours=-1))
    scrape = exporter.notices("certificate expired", lambda scrape: is_down(scrape, master.api.url))
    assert scrape.labels(FAILURE, "reason", endpoint=master.api.url) == ["tls"]
    assert scrape.values(EXPIRY, endpoint=master.api.url)[0] < time.time()
    assert scrape.values(ETCD_UP, endpoint=master.etcd_url) == [1]


@pytest.mark.parametrize("component", ["kube-scheduler", "kube-controller-manager"])
def test_a_leader_that_dies(exporter: Exporter, plane: HighlyAvailable, component: str) -> None:
    dead = plane.leader(component)
    transitions = exporter.scrape().values(catalogue.CONTROLPLANE_LEADER_TRANSITIONS, lease=component)
    (dead.scheduler if component == "kube-scheduler" else dead.controller_manager).kill()
    exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_LEADER_AGE, lease=component)[0] > 5)
    scrape = exporter.until(lambda scrape: dead.name not in leader(scrape, component))
    after = scrape.values(catalogue.CONTROLPLANE_LEADER_TRANSITIONS, lease=component)
    assert after == [transitions[0] + 1]


@pytest.fixture
def extension(plane: HighlyAvailable) -> Iterator[Extension]:
    with extended(plane) as extension:
        yield extension


def test_a_webhook_that_fails_closed_without_endpoints(exporter: Exporter, extension: Extension) -> None:
    name, ready = extension.add_webhook(), catalogue.CONTROLPLANE_WEBHOOK_ENDPOINTS
    exporter.until(lambda scrape: scrape.values(ready, kind="validating", configuration=name) == [1])
    extension.remove_endpoint()
    exporter.notices("webhook without endpoints", lambda scrape: scrape.values(ready, configuration=name) == [0])
    extension.add_endpoint()
    exporter.until(lambda scrape: scrape.values(ready, configuration=name) == [1])


def test_an_aggregated_api_that_is_not_available(exporter: Exporter, extension: Extension) -> None:
    name, available = extension.add_api(), catalogue.CONTROLPLANE_API_SERVICE
    exporter.until(lambda scrape: scrape.values(available, apiservice=name) == [1])
    extension.remove_endpoint()
    exporter.notices(
        "aggregated API without endpoints", lambda scrape: scrape.values(available, apiservice=name) == [0]
    )


def is_well(scrape: Scrape, plane: HighlyAvailable) -> bool:
    """Whether the exporter sees every part up."""
    return (
        scrape.values(UP) == [1] * (len(plane.masters) + 1)
        and scrape.values(WRITE_UP) == [1] * (len(plane.masters) + 1)
        and scrape.values(ETCD_UP) == [1] * len(plane.masters)
        and scrape.values(REPLICAS, source="listed") == [len(plane.masters)]
    )


def is_down(scrape: Scrape, url: str) -> bool:
    return scrape.values(UP, endpoint=url) == [0]


def etcd_failures(scrape: Scrape) -> dict[str, str]:
    """The members that are down, and why."""
    return dict(zip(scrape.labels(ETCD_FAILURE, "endpoint"), scrape.labels(ETCD_FAILURE, "reason"), strict=True))


def holders(scrape: Scrape) -> list[str]:
    """All leaders."""
    return scrape.labels(catalogue.CONTROLPLANE_LEADER, "holder")


def leader(scrape: Scrape, component: str) -> str:
    """The holder of one lease; empty when there is none."""
    return "".join(scrape.labels(catalogue.CONTROLPLANE_LEADER, "holder", lease=component))
