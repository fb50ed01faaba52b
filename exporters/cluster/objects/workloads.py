"""Deployments, StatefulSets and DaemonSets: how far a rollout is, and whether it is stuck."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from exporters.cluster.objects.resource import Condition, Metadata, Resource, Wire
from exporters.cluster.objects.store import Store
from exporters.cluster.sample import Sample
from tapwatch import catalogue


class _Annotations(Wire, frozen=True):
    revision: str = msgspec.field(default="", name="deployment.kubernetes.io/revision")
    template_generation: str = msgspec.field(default="", name="deprecated.daemonset.template.generation")


class _Metadata(Metadata, frozen=True):
    generation: int = 0
    annotations: _Annotations | None = None


class _Container(Wire, frozen=True):
    name: str
    image: str = ""


class _PodSpec(Wire, frozen=True):
    containers: list[_Container] | None = None


class _Template(Wire, frozen=True):
    spec: _PodSpec = _PodSpec()


class _UpdateStrategy(Wire, frozen=True):
    type: str = ""


class _Spec(Wire, frozen=True):
    template: _Template = _Template()
    replicas: int = 1
    paused: bool = False
    update_strategy: _UpdateStrategy = _UpdateStrategy()


class _Status(Wire, frozen=True):
    observed_generation: int = 0


class _DeploymentStatus(_Status, frozen=True):
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    conditions: list[Condition] | None = None


class _StatefulSetStatus(_Status, frozen=True):
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    update_revision: str = ""


class _DaemonSetStatus(_Status, frozen=True):
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0


class _Workload(Wire, frozen=True):
    metadata: _Metadata
    spec: _Spec = _Spec()


class Deployment(_Workload, frozen=True):
    """What is wanted of a Deployment."""

    status: _DeploymentStatus = _DeploymentStatus()


class StatefulSet(_Workload, frozen=True):
    """What is wanted of a StatefulSet."""

    status: _StatefulSetStatus = _StatefulSetStatus()


class DaemonSet(_Workload, frozen=True):
    """What is wanted of a DaemonSet."""

    status: _DaemonSetStatus = _DaemonSetStatus()


DEPLOYMENTS = Resource("apps", "deployments", Deployment)
STATEFUL_SETS = Resource("apps", "statefulsets", StatefulSet)
DAEMON_SETS = Resource("apps", "daemonsets", DaemonSet)


@dataclass(frozen=True)
class Rollout:
    """A workload, whatever its kind."""

    generation: int
    observed: int
    desired: int
    updated: int
    ready: int
    available: int
    revision: str
    images: tuple[tuple[str, str], ...]
    """Container and image."""
    waits_for_people: bool = False
    """Paused, or replaced only as somebody deletes pods: a rollout that stands still is meant to."""
    gave_up: bool = False
    """The Deployment's own progress deadline has passed."""
    moved: float = 0.0
    """When any of it changed, on our monotonic clock."""

    @property
    def is_complete(self) -> bool:
        """Whether what is wanted is what is there."""
        return self.observed >= self.generation and min(self.updated, self.available) >= self.desired

    def is_stuck(self, now: float, deadline: float) -> bool:
        """Whether it should move on by itself, and has not for `deadline` seconds."""
        stands_still = not self.is_complete and not self.waits_for_people and now - self.moved > deadline
        return self.gave_up or stands_still


_Kind = TypeVar("_Kind", bound=_Workload)


class Workloads(Store[_Kind, Rollout]):
    """The workloads of one kind."""

    def __init__(
        self,
        kind: str,
        rollout: Callable[[_Kind], Rollout],
        deadline: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rollout` understands the kind; `deadline` is how many seconds a rollout may stand still."""
        super().__init__()
        self._kind = kind
        self._rollout = rollout
        self._deadline = deadline
        self._now = now

    def read(self, one: _Kind, before: Rollout | None) -> Rollout:
        """Notes when it moved."""
        now = self._rollout(one)
        still = before is not None and replace(before, moved=0.0) == now
        return replace(now, moved=before.moved if before is not None and still else self._now())

    def samples(self) -> Iterator[Sample]:
        """Each workload's rollout."""
        now = self._now()
        for (namespace, name), row in self.rows():
            labels = namespace, self._kind, name
            for state in ("desired", "updated", "ready", "available"):
                yield Sample(catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, (*labels, state), getattr(row, state))
            lag = max(0, row.generation - row.observed)
            yield Sample(catalogue.CONTROLPLANE_WORKLOAD_GENERATION_LAG, labels, lag)
            yield Sample(catalogue.CONTROLPLANE_WORKLOAD_STUCK, labels, float(row.is_stuck(now, self._deadline)))
            yield Sample(catalogue.CONTROLPLANE_WORKLOAD_REVISION, (*labels, row.revision), 1)
            for container, image in row.images:
                yield Sample(catalogue.CONTROLPLANE_WORKLOAD_IMAGE, (*labels, container, image), 1)


def deployment_rollout(one: Deployment) -> Rollout:
    """A Deployment's."""
    status = one.status
    # Kubernetes 1.37, apps/v1: a Deployment that gave up has Progressing False with this reason.
    gave_up = any(
        each.reason == "ProgressDeadlineExceeded" and each.status == "False" for each in status.conditions or ()
    )
    return Rollout(
        one.metadata.generation,
        status.observed_generation,
        one.spec.replicas,
        status.updated_replicas,
        status.ready_replicas,
        status.available_replicas,
        _annotations(one).revision,
        _images(one),
        waits_for_people=one.spec.paused,
        gave_up=gave_up,
    )


def stateful_set_rollout(one: StatefulSet) -> Rollout:
    """A StatefulSet's."""
    status = one.status
    return Rollout(
        one.metadata.generation,
        status.observed_generation,
        one.spec.replicas,
        status.updated_replicas,
        status.ready_replicas,
        status.available_replicas,
        status.update_revision,
        _images(one),
        waits_for_people=one.spec.update_strategy.type == "OnDelete",
    )


def daemon_set_rollout(one: DaemonSet) -> Rollout:
    """A DaemonSet's."""
    status = one.status
    return Rollout(
        one.metadata.generation,
        status.observed_generation,
        status.desired_number_scheduled,
        status.updated_number_scheduled,
        status.number_ready,
        status.number_available,
        _annotations(one).template_generation,
        _images(one),
        waits_for_people=one.spec.update_strategy.type == "OnDelete",
    )


def _annotations(one: _Workload) -> _Annotations:
    return one.metadata.annotations or _Annotations()


def _images(one: _Workload) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.image) for each in one.spec.template.spec.containers or ())
