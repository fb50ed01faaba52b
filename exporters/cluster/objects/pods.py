"""Pods: containers that restart, and pods of the system that are not ready."""

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from sys import intern
from typing import NamedTuple

import msgspec

from exporters.cluster.objects.resource import Condition, Metadata, Resource, Wire
from exporters.cluster.objects.store import Store
from exporters.cluster.sample import Sample
from tapwatch import catalogue

_SCHEDULED = re.compile(r"-\d{8,}$")
"""How a CronJob ends its Jobs' names: the minute since 1970."""
UNKNOWN = "Unknown"


class _Labels(Wire, frozen=True):
    template: str = msgspec.field(default="", name="pod-template-hash")


class _Owner(Wire, frozen=True):
    kind: str
    name: str
    controller: bool = False


class _Metadata(Metadata, frozen=True):
    labels: _Labels | None = None
    owner_references: list[_Owner] | None = None


class _Terminated(Wire, frozen=True):
    reason: str = ""
    finished_at: datetime | None = None


class _Waiting(Wire, frozen=True):
    reason: str = ""


class _State(Wire, frozen=True):
    terminated: _Terminated | None = None
    waiting: _Waiting | None = None


class _Container(Wire, frozen=True):
    name: str
    restart_count: int = 0
    ready: bool = False
    state: _State = _State()
    last_state: _State = _State()


class _Spec(Wire, frozen=True):
    node_name: str = ""


class _Status(Wire, frozen=True):
    phase: str = UNKNOWN
    conditions: list[Condition] | None = None
    container_statuses: list[_Container] | None = None
    init_container_statuses: list[_Container] | None = None


class Pod(Wire, frozen=True):
    """What is wanted of a Pod."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


PODS = Resource("", "pods", Pod)


class Workload(NamedTuple):
    """What a pod belongs to, as a person would name it."""

    namespace: str
    kind: str
    name: str


class PodRow(NamedTuple):
    """A pod; there are many, so it holds next to nothing."""

    workload: Workload
    restarts: tuple[int, ...]
    """Of each container, those that prepare the pod first, in the order of its status."""
    node: str = ""
    trouble: str = ""
    """Why a pod of the system is not ready; empty for others, and when it is."""


class RestartCause(NamedTuple):
    """Restarts are counted by these."""

    workload: Workload
    container: str
    reason: str


class Pods(Store[Pod, PodRow]):
    """A cluster's pods."""

    def __init__(self, system: Collection[str], wall: Callable[[], float] = time.time) -> None:
        """`system` names the namespaces whose pods have to be ready."""
        super().__init__()
        self._system = frozenset(system)
        self._wall = wall
        self._workloads: dict[Workload, Workload] = {}
        self._pods: Counter[Workload] = Counter()
        self._restarts: Counter[RestartCause] = Counter()
        self._last: dict[RestartCause, float] = {}

    def read(self, one: Pod, before: PodRow | None) -> PodRow:
        """Counts the restarts since the pod was seen last."""
        found = workload_of(one)
        workload = self._workloads.setdefault(found, found)
        if before is None:
            self._pods[workload] += 1
        containers = [*(one.status.init_container_statuses or ()), *(one.status.container_statuses or ())]
        self._count(workload, containers, before)
        return PodRow(
            workload,
            tuple(each.restart_count for each in containers),
            intern(one.spec.node_name),
            trouble_of(one) if one.metadata.namespace in self._system else "",
        )

    def gone(self, row: PodRow) -> None:
        """What is known of a workload goes with its last pod."""
        self._pods[row.workload] -= 1
        if self._pods[row.workload] <= 0:
            del self._pods[row.workload], self._workloads[row.workload]
            for cause in [cause for cause in self._last if cause.workload == row.workload]:
                del self._last[cause]
                self._restarts.pop(cause, None)

    def has(self, workload: Workload) -> bool:
        """Whether it has any pod."""
        return workload in self._workloads

    def samples(self) -> Iterator[Sample]:
        """Restarts by cause, and the system's pods that are not ready."""
        for cause, seen in sorted(self._last.items()):
            labels = (*cause.workload, cause.container, cause.reason)
            yield Sample(catalogue.CONTROLPLANE_CONTAINER_RESTARTS, labels, self._restarts[cause])
            yield Sample(catalogue.CONTROLPLANE_CONTAINER_LAST_RESTART, labels, seen)
        for (namespace, name), row in self._rows.items():  # of many, few are in trouble
            if row.trouble:
                place = (namespace, name, row.node, row.trouble)
                yield Sample(catalogue.CONTROLPLANE_SYSTEM_POD_NOT_READY, place, 1)

    def _count(self, workload: Workload, containers: list[_Container], before: PodRow | None) -> None:
        """Restarts from before we looked are told with their time only, as the count starts with us."""
        known = before.restarts if before is not None else tuple(each.restart_count for each in containers)
        for index, each in enumerate(containers):
            if not each.restart_count:
                continue
            cause = RestartCause(workload, intern(each.name), intern(_reason(each)))
            new = each.restart_count - (known[index] if index < len(known) else 0)
            if new > 0:
                self._restarts[cause] += new
            if new > 0 or before is None:
                self._last[cause] = max(self._last.get(cause, 0.0), _finished(each) or self._wall())


def workload_of(pod: Pod) -> Workload:
    """The Deployment behind the ReplicaSet, the CronJob behind the Job, else the pod's controller, else the pod."""
    namespace, metadata = intern(pod.metadata.namespace), pod.metadata
    owner = next((each for each in metadata.owner_references or () if each.controller), None)
    if owner is None:
        return Workload(namespace, "Pod", metadata.name)
    template = f"-{metadata.labels.template}" if metadata.labels and metadata.labels.template else ""
    if owner.kind == "ReplicaSet" and template and owner.name.endswith(template):
        return Workload(namespace, "Deployment", owner.name.removesuffix(template))
    if owner.kind == "Job" and _SCHEDULED.search(owner.name):
        return Workload(namespace, "CronJob", _SCHEDULED.sub("", owner.name))
    return Workload(namespace, intern(owner.kind), owner.name)


def trouble_of(pod: Pod) -> str:
    """Why a pod is not ready: what a container waits for, else its phase; empty when it is, or has done its work."""
    status = pod.status
    ready = any(each.type == "Ready" and each.status == "True" for each in status.conditions or ())
    if ready or status.phase == "Succeeded":
        return ""
    containers = [*(status.init_container_statuses or ()), *(status.container_statuses or ())]
    waiting = [each.state.waiting.reason for each in containers if not each.ready and each.state.waiting is not None]
    if waiting:
        return waiting[0] or UNKNOWN
    return "NotReady" if status.phase == "Running" else status.phase


def _reason(container: _Container) -> str:
    ended = container.last_state.terminated
    return ended.reason if ended is not None and ended.reason else UNKNOWN


def _finished(container: _Container) -> float | None:
    ended = container.last_state.terminated
    return ended.finished_at.timestamp() if ended is not None and ended.finished_at is not None else None
