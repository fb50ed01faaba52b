"""A populated cluster is one to Kubernetes: its controllers leave it as it is, and its nodes live."""

from collections.abc import Iterator
from functools import partial

import pytest

from laboratory.kubernetes.apiserver import Endpoint
from laboratory.kubernetes.kwok import nodes_kept_alive
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.kubernetes.population import Population, populated
from laboratory.servers.daemon import Daemon
from laboratory.servers.waiting import comes_true

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled, pytest.mark.root]

SMALL = Population("accepted", nodes=20, deployments=4, replicas=10, namespaces=2)
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@pytest.fixture(scope="module")
def kwok(shared_plane: HighlyAvailable) -> Iterator[Daemon]:
    with populated(shared_plane, SMALL), nodes_kept_alive(shared_plane) as kwok:
        assert comes_true(lambda: count(shared_plane.entrance, LEASES) >= SMALL.nodes, 60)
        yield kwok


@pytest.mark.usefixtures("kwok")
def test_every_api_server_has_all_objects(plane: HighlyAvailable) -> None:
    for master in plane.masters:
        assert count(master.api, "/api/v1/nodes") == SMALL.nodes
        assert comes_true(partial(has, master.api, "/api/v1/namespaces/accepted-00/pods", SMALL.pods // 2))


@pytest.mark.usefixtures("kwok")
def test_controllers_leave_everything_as_it_is(plane: HighlyAvailable) -> None:
    """They acted on something newer, so they have seen it."""
    content = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    plane.create(DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": {**content, "template": template}})
    web = f"{DEPLOYMENTS}/web"
    assert comes_true(lambda: plane.entrance.ask("GET", web).json()["status"].get("readyReplicas") == 3, 60)
    plane.entrance.ask("DELETE", web)
    for deployment in plane.entrance.ask("GET", "/apis/apps/v1/namespaces/accepted-01/deployments").json()["items"]:
        assert deployment["metadata"]["generation"] == 1
        assert deployment["status"]["readyReplicas"] == SMALL.replicas
    assert count(plane.entrance, "/api/v1/namespaces/accepted-01/pods") == SMALL.pods // 2


def has(endpoint: Endpoint, path: str, number: int) -> bool:
    return count(endpoint, path) == number


def count(endpoint: Endpoint, path: str) -> int:
    """How many there are in the list."""
    return len(endpoint.ask("GET", path).json()["items"])
