"""A node's numbers come through the API server."""

from tests.cluster.kubelet import node_measuring
from tests.cluster.plane import HighlyAvailable
from tests.servers.waiting import comes_true


def test_an_api_server_passes_on_what_a_node_measures(plane: HighlyAvailable) -> None:
    summary: dict[str, object] = {"node": {"nodeName": "worker"}, "pods": []}
    path = "/api/v1/nodes/worker/proxy/stats/summary"
    with node_measuring(plane, "worker", summary):
        assert comes_true(lambda: all(master.api.ask("GET", path).status == 200 for master in plane.masters))
        summary["pods"] = [{"podRef": {"name": "one"}}]
        assert plane.entrance.ask("GET", path).json() == summary
    assert plane.entrance.ask("GET", path).status == 404
