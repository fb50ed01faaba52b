"""What kubelets measure, asked through the API server at a bounded rate: traffic of nodes, fill of disks and volumes.

The kubelet's Summary API, k8s.io/kubelet/pkg/apis/stats/v1alpha1; only the fields named here are decoded.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from exporters.cluster.api import Api
from exporters.cluster.objects.nodes import Nodes
from exporters.cluster.objects.resource import Wire
from exporters.cluster.sample import Sample
from exporters.cluster.state import OK
from tapwatch import catalogue
from tapwatch.errors import PollError

log = structlog.get_logger()


class _Interface(Wire, frozen=True):
    name: str = ""
    rx_bytes: int | None = None
    rx_errors: int | None = None
    tx_bytes: int | None = None
    tx_errors: int | None = None


class _Network(Wire, frozen=True):
    interfaces: list[_Interface] | None = None


class _Filesystem(Wire, frozen=True):
    available_bytes: int | None = None
    capacity_bytes: int | None = None

    @property
    def fill(self) -> float | None:
        """The share that cannot be written any more; None when the kubelet does not know."""
        if self.available_bytes is None or not self.capacity_bytes:
            return None
        return 1 - self.available_bytes / self.capacity_bytes


class _Runtime(Wire, frozen=True):
    image_fs: _Filesystem = _Filesystem()


class _NodeStats(Wire, frozen=True):
    network: _Network = _Network()
    fs: _Filesystem = _Filesystem()
    runtime: _Runtime = _Runtime()


class _ClaimReference(Wire, frozen=True):
    namespace: str
    name: str


class _Volume(_Filesystem, frozen=True):
    pvc_ref: _ClaimReference | None = None


class _PodStats(Wire, frozen=True):
    volume: list[_Volume] | None = None


class Summary(Wire, frozen=True):
    """What is wanted of a kubelet's summary."""

    node: _NodeStats = _NodeStats()
    pods: list[_PodStats] | None = None


@dataclass(frozen=True)
class SummaryRow:
    """One node's numbers."""

    interfaces: tuple[_Interface, ...]
    disks: tuple[tuple[str, float], ...]
    """Name and fill."""
    volumes: tuple[tuple[str, str, float], ...]
    """Of each persistent volume claim its namespace, name and fill."""


COUNTERS: Final = {
    catalogue.CONTROLPLANE_NODE_RECEIVED: "rx_bytes",
    catalogue.CONTROLPLANE_NODE_RECEIVE_ERRORS: "rx_errors",
    catalogue.CONTROLPLANE_NODE_SENT: "tx_bytes",
    catalogue.CONTROLPLANE_NODE_SEND_ERRORS: "tx_errors",
}


class Kubelets:
    """Asks the nodes that are ready, one after another, again and again."""

    def __init__(self, api: Api, nodes: Nodes, every: float, per_second: float) -> None:
        """Each node once in `every` seconds, and at most `per_second` nodes a second."""
        self._api = api
        self._nodes = nodes
        self._every = every
        self._per_second = per_second
        self._rows: dict[str, SummaryRow] = {}
        self._waiting: list[str] = []
        self._results: Counter[str] = Counter()

    async def step(self) -> float:
        """Ask one node; the seconds until the next one's turn."""
        ready = self._nodes.ready_names()
        self._rows = {node: self._rows[node] for node in ready if node in self._rows}
        if not ready:
            return 1 / self._per_second
        if not self._waiting:
            self._waiting = list(reversed(ready))
        node = self._waiting.pop()
        if node in ready:
            await self._ask(node)
        return max(1 / self._per_second, self._every / len(ready))

    async def _ask(self, node: str) -> None:
        try:
            summary = await self._api.get(f"/api/v1/nodes/{node}/proxy/stats/summary", Summary)
        except PollError as error:
            self._rows.pop(node, None)
            self._results[error.reason] += 1
            log.debug("kubelet.failed", node=node, reason=error.reason.value, error=str(error))
        else:
            self._rows[node] = _read(summary)
            self._results[OK] += 1

    def samples(self) -> Iterator[Sample]:
        """The numbers of the nodes that answered when they were last asked."""
        for result, count in sorted(self._results.items()):
            yield Sample(catalogue.CONTROLPLANE_KUBELET_SUMMARIES, (result,), count)
        for node, row in sorted(self._rows.items()):
            for interface in row.interfaces:
                yield from _traffic(node, interface)
            for name, fill in row.disks:
                yield Sample(catalogue.CONTROLPLANE_NODE_DISK_FILL, (node, name), fill)
        for claim, fill in sorted(self._volumes().items()):
            yield Sample(catalogue.CONTROLPLANE_VOLUME_FILL, claim, fill)

    def _volumes(self) -> dict[tuple[str, str], float]:
        """The fill of each claim; several nodes may have one mounted."""
        fills: dict[tuple[str, str], float] = {}
        for row in self._rows.values():
            for namespace, claim, fill in row.volumes:
                fills[namespace, claim] = max(fill, fills.get((namespace, claim), 0.0))
        return fills


def _traffic(node: str, interface: _Interface) -> Iterator[Sample]:
    for metric, field in COUNTERS.items():
        value: int | None = getattr(interface, field)
        if value is not None:
            yield Sample(metric, (node, interface.name), value)


def _read(summary: Summary) -> SummaryRow:
    disks = {"nodefs": summary.node.fs.fill, "imagefs": summary.node.runtime.image_fs.fill}
    volumes = [volume for pod in summary.pods or () for volume in pod.volume or ()]
    return SummaryRow(
        tuple(summary.node.network.interfaces or ()),
        tuple((name, fill) for name, fill in disks.items() if fill is not None),
        tuple(
            (volume.pvc_ref.namespace, volume.pvc_ref.name, volume.fill)
            for volume in volumes
            if volume.pvc_ref is not None and volume.fill is not None
        ),
    )
