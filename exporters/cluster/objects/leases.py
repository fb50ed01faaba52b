"""Leases: who leads each component, which API servers and nodes are alive.

An age is the time since we saw the lease change, as the node lifecycle controller reckons: a holder whose clock is
wrong is no less alive. Only a lease that is seen for the first time is judged by the time written in it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from exporters.cluster.objects.resource import Metadata, Resource, Wire
from exporters.cluster.objects.store import Store
from exporters.cluster.sample import Sample
from tapwatch import catalogue


class _Labels(Wire, frozen=True):
    identity: str = msgspec.field(default="", name="apiserver.kubernetes.io/identity")


class _Metadata(Metadata, frozen=True):
    labels: _Labels | None = None


class _Spec(Wire, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: float | None = None
    lease_transitions: int | None = None
    renew_time: datetime | None = None


class Lease(Wire, frozen=True):
    """What is wanted of a Lease."""

    metadata: _Metadata
    spec: _Spec = _Spec()


GROUP = "coordination.k8s.io"
LEADERS = Resource(GROUP, "leases", Lease, namespace="kube-system", idle_seconds=30.0)
HEARTBEATS = Resource(GROUP, "leases", Lease, namespace="kube-node-lease", idle_seconds=30.0)


@dataclass(frozen=True)
class Held:
    """A lease as it was seen last."""

    holder: str
    duration: float | None
    """Seconds from a renewal until the lease is free for others."""
    transitions: int
    renewed_text: datetime | None
    renewed: float
    """When it was, on our monotonic clock."""
    is_api_server: bool

    def expired(self, now: float) -> bool:
        """Whether it is free for others."""
        return self.duration is not None and now - self.renewed > self.duration


class Leases(Store[Lease, Held]):
    """The leases of one namespace."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._now = now
        self._wall = wall

    def read(self, one: Lease, before: Held | None) -> Held:
        """Notes when the renewal was seen."""
        spec, labels = one.spec, one.metadata.labels
        renewed = self._now()
        if before is not None and before.renewed_text == spec.renew_time:
            renewed = before.renewed
        elif before is None and spec.renew_time is not None:
            renewed -= max(0.0, self._wall() - spec.renew_time.timestamp())
        return Held(
            spec.holder_identity or "",
            spec.lease_duration_seconds,
            spec.lease_transitions or 0,
            spec.renew_time,
            renewed,
            labels is not None and labels.identity == "kube-apiserver",
        )

    def api_servers(self) -> int:
        """The API servers whose lease has not expired."""
        now = self._now()
        return sum(held.is_api_server and not held.expired(now) for _, held in self.rows())

    def samples(self) -> Iterator[Sample]:
        """The leaders: every lease but those by which API servers say that they live."""
        now = self._now()
        for (_, name), held in self.rows():
            if held.is_api_server:
                continue
            yield Sample(catalogue.CONTROLPLANE_LEADER_AGE, (name,), now - held.renewed)
            yield Sample(catalogue.CONTROLPLANE_LEADER_TRANSITIONS, (name,), held.transitions)
            if held.duration is not None:
                yield Sample(catalogue.CONTROLPLANE_LEADER_DURATION, (name,), held.duration)
            if held.holder:
                yield Sample(catalogue.CONTROLPLANE_LEADER, (name, held.holder), 1)
