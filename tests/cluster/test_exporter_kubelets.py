"""A node's numbers come through the API server, to the exporter, too."""

from pathlib import Path

import pytest

from laboratory.kubernetes.kubelet import node_measuring
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.servers.waiting import comes_true
from tapwatch import catalogue
from tests.cluster.watching import cluster_settings, exporter_on

pytestmark = [pytest.mark.compiled, pytest.mark.root]


def test_an_api_server_passes_on_what_a_node_measures(plane: HighlyAvailable) -> None:
    summary: dict[str, object] = {"node": {"nodeName": "worker"}, "pods": []}
    path = "/api/v1/nodes/worker/proxy/stats/summary"
    with node_measuring(plane, "worker", summary):
        assert comes_true(lambda: all(master.api.ask("GET", path).status == 200 for master in plane.masters))
        summary["pods"] = [{"podRef": {"name": "one"}}]
        assert plane.entrance.ask("GET", path).json() == summary
    assert plane.entrance.ask("GET", path).status == 404


def test_the_exporter_tells_what_a_node_measures(plane: HighlyAvailable, tmp_path: Path) -> None:
    disk = {"availableBytes": 25, "capacityBytes": 100}
    interface = {"name": "eth0", "rxBytes": 1000, "rxErrors": 1, "txBytes": 2000, "txErrors": 2}
    claim = {"name": "data", "pvcRef": {"namespace": "shop", "name": "db"}, "availableBytes": 10, "capacityBytes": 100}
    summary = {"node": {"network": {"interfaces": [interface]}, "fs": disk}, "pods": [{"volume": [claim]}]}
    cluster = cluster_settings(plane, plane.kubeconfig)
    parts = {"parts": ["nodes", "kubelets"], "kubelet_interval": "1s"}
    with node_measuring(plane, "worker", summary), exporter_on(tmp_path, clusters=[cluster], **parts) as exporter:
        received, sent = catalogue.CONTROLPLANE_NODE_RECEIVED, catalogue.CONTROLPLANE_NODE_SENT
        scrape = exporter.until(lambda scrape: scrape.values(received, node="worker", interface="eth0") == [1000])
        assert scrape.values(sent, node="worker") == [2000]
        assert scrape.values(catalogue.CONTROLPLANE_NODE_DISK_FILL, disk="nodefs") == [0.75]
        assert scrape.values(catalogue.CONTROLPLANE_VOLUME_FILL, persistentvolumeclaim="db") == [0.9]
        interface["rxBytes"] = 5000
        exporter.until(lambda scrape: scrape.values(received, node="worker") == [5000])
