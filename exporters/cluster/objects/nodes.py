"""Nodes: conditions, taints, zones, and the heartbeats that the control plane still gets from them."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from exporters.cluster.objects.leases import Leases
from exporters.cluster.objects.resource import Condition, Metadata, Resource, Wire
from exporters.cluster.objects.store import Store
from exporters.cluster.sample import Sample
from tapwatch import catalogue


class _Labels(Wire, frozen=True):
    zone: str = msgspec.field(default="", name="topology.kubernetes.io/zone")


class _Metadata(Metadata, frozen=True):
    labels: _Labels | None = None


class _Taint(Wire, frozen=True):
    key: str
    effect: str


class _Spec(Wire, frozen=True):
    taints: list[_Taint] | None = None


class _Info(Wire, frozen=True):
    kubelet_version: str = ""


class _Status(Wire, frozen=True):
    conditions: list[Condition] | None = None
    node_info: _Info = _Info()


class Node(Wire, frozen=True):
    """What is wanted of a Node."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


NODES = Resource("", "nodes", Node)


@dataclass(frozen=True)
class NodeRow:
    """A node."""

    zone: str
    kubelet_version: str
    conditions: tuple[tuple[str, str], ...]
    """Type and status: Ready, and what else is not False, which is how every other condition says that all is well."""
    taints: tuple[tuple[str, str], ...]
    """Key and effect."""


class Nodes(Store[Node, NodeRow]):
    """A cluster's nodes."""

    def __init__(self, heartbeats: Leases, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._heartbeats = heartbeats
        self._now = now

    def read(self, one: Node, before: NodeRow | None) -> NodeRow:  # noqa: ARG002 - nothing depends on the past
        """As the node says."""
        conditions = [(each.type, each.status) for each in one.status.conditions or ()]
        return NodeRow(
            one.metadata.labels.zone if one.metadata.labels else "",
            one.status.node_info.kubelet_version,
            tuple((kind, status) for kind, status in conditions if kind == "Ready" or status != "False"),
            tuple((taint.key, taint.effect) for taint in one.spec.taints or ()),
        )

    def ready_names(self) -> list[str]:
        """The nodes that are ready, sorted."""
        return [name for (_, name), row in self.rows() if ("Ready", "True") in row.conditions]

    def kubelet_versions(self) -> set[str]:
        """Those in use."""
        return {row.kubelet_version for _, row in self.rows()}

    def samples(self) -> Iterator[Sample]:
        """What the API knows of each node."""
        for (_, name), row in self.rows():
            yield Sample(catalogue.CONTROLPLANE_NODE, (name, row.zone, row.kubelet_version), 1)
            for kind, status in row.conditions:
                yield Sample(catalogue.CONTROLPLANE_NODE_CONDITION, (name, row.zone, kind, status), 1)
            for key, effect in row.taints:
                yield Sample(catalogue.CONTROLPLANE_NODE_TAINT, (name, row.zone, key, effect), 1)

    def heartbeat_samples(self) -> Iterator[Sample]:
        """How old each node's heartbeat is, and the share of each zone's nodes whose lease has expired.

        A node without a lease never said that it lives, and counts as expired.
        """
        now = self._now()
        nodes: Counter[str] = Counter()
        expired: Counter[str] = Counter()
        for (_, name), row in self.rows():
            lease = self._heartbeats.get("kube-node-lease", name)
            nodes[row.zone] += 1
            expired[row.zone] += lease is None or lease.expired(now)
            if lease is not None:
                yield Sample(catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE, (name, row.zone), now - lease.renewed)
        for zone, count in nodes.items():
            yield Sample(catalogue.CONTROLPLANE_NODES, (zone,), count)
            yield Sample(catalogue.CONTROLPLANE_NODES_EXPIRED, (zone,), expired[zone] / count)
