"""The exporter lists once and then watches: it goes on where it was when the API server that it watches fails."""

from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus

import pytest

from laboratory.kubernetes.apiserver import Replica
from laboratory.kubernetes.kwok import nodes_kept_alive
from laboratory.kubernetes.master import Master
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.kubernetes.population import Population, populated
from laboratory.servers.waiting import comes_true
from tapwatch import catalogue
from tests.cluster.watching import Exporter, cluster_settings, exporter_on
from tests.integration.cluster.watching import Scrape

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled, pytest.mark.root]

MANY = Population("watched", nodes=40, deployments=50, replicas=40)
PODS = {"resource": "pods", "namespace": ""}
OBJECTS, LISTS, WATCH_UP = (
    catalogue.CONTROLPLANE_WATCH_OBJECTS,
    catalogue.CONTROLPLANE_WATCH_LISTS,
    catalogue.CONTROLPLANE_WATCH_UP,
)


@pytest.fixture(scope="module")
def exporter(
    shared_plane: HighlyAvailable, tmp_path_factory: pytest.TempPathFactory, noticed: dict[str, float]
) -> Iterator[Exporter]:
    folder, cluster = tmp_path_factory.mktemp("exporter"), cluster_settings(shared_plane, shared_plane.kubeconfig)
    with (
        populated(shared_plane, MANY),
        nodes_kept_alive(shared_plane),
        exporter_on(folder, clusters=[cluster], parts=["nodes", "pods", "workloads"]) as exporter,
    ):
        exporter.until(lambda scrape: pods(scrape) == MANY.pods)
        yield exporter
        noticed.update(exporter.noticed)
    shared_plane.entrance.ask("DELETE", "/api/v1/namespaces/default/pods")


def test_everything_is_listed_once(exporter: Exporter) -> None:
    scrape = exporter.until(lambda scrape: scrape.values(OBJECTS, resource="nodes") == [MANY.nodes])
    assert scrape.values(OBJECTS, resource="deployments.apps") == [MANY.deployments]
    assert set(scrape.values(LISTS)) == {1}


@pytest.mark.parametrize(("failed", "fail"), [("killed", Replica.kill), ("hung", Replica.pause)])
def test_an_api_server_that_fails_costs_no_list(
    exporter: Exporter, plane: HighlyAvailable, failed: str, fail: Callable[[Replica], None]
) -> None:
    """Each does in its turn, so that the one that is watched does, and a pod is made meanwhile.

    An API server that has just started knows of no change before, and answers 410 to those who ask for one: a pod is
    made after that, too, so that the watch has seen something younger than any of the servers.
    """
    lists, known = exporter.scrape().values(LISTS, **PODS), pods(exporter.scrape())
    for number, master in enumerate(plane.masters):
        fail(master.api)
        other = next(one for one in plane.masters if one is not master)
        make_pod(other, f"{failed}-{number}-meanwhile")
        wanted = known + 2 * number + 1
        exporter.notices(f"new pod while an API server is {failed}", partial(has_pods, wanted), promised=10)
        plane.mend()
        make_pod(master, f"{failed}-{number}-afterwards")
        exporter.until(partial(has_pods, wanted + 1))
    assert exporter.scrape().values(WATCH_UP, **PODS) == [1]
    assert exporter.scrape().values(LISTS, **PODS) == lists


def pods(scrape: Scrape) -> float:
    """How many the exporter knows of."""
    return sum(scrape.values(OBJECTS, **PODS))


def has_pods(number: float, scrape: Scrape) -> bool:
    """Whether it knows of so many."""
    return pods(scrape) == number


def make_pod(master: Master, name: str) -> None:
    """In the namespace `default`, once that has its account."""
    content = {"metadata": {"name": name}, "spec": {"containers": [{"name": "one", "image": "one:1"}]}}
    path = "/api/v1/namespaces/default/pods"
    assert comes_true(lambda: master.api.ask("POST", path, content).status == HTTPStatus.CREATED)
