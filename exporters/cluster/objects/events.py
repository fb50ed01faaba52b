"""Events: probes of containers that fail, which no object's status tells."""

import re
from collections import Counter
from collections.abc import Iterator
from types import MappingProxyType

from exporters.cluster.objects.pods import Pods, Workload
from exporters.cluster.objects.resource import Metadata, Resource, Wire
from exporters.cluster.objects.store import Store
from exporters.cluster.sample import Sample
from tapwatch import catalogue

_CONTAINER = re.compile(r"^spec\.(?:initContainers|containers)\{(.+)\}$")
_PROBE = re.compile(r"^(Liveness|Readiness|Startup) probe ")


class _Involved(Wire, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    field_path: str = ""


class _Series(Wire, frozen=True):
    count: int = 0


class Event(Wire, frozen=True):
    """What is wanted of an Event, as the kubelet writes it."""

    metadata: Metadata
    involved_object: _Involved = _Involved()
    message: str = ""
    count: int = 0
    series: _Series | None = None


EVENTS = Resource("", "events", Event, query=MappingProxyType({"fieldSelector": "reason=Unhealthy"}))


class ProbeFailures(Store[Event, int]):
    """Failures of containers' probes, counted from the moment that the events are watched."""

    def __init__(self, pods: Pods) -> None:
        super().__init__()
        self._pods = pods
        self._failures: Counter[tuple[Workload, str, str]] = Counter()

    def read(self, one: Event, before: int | None) -> int:
        """Counts what happened since the event was seen last; an event repeats itself by its count."""
        count = max(one.count, one.series.count if one.series else 0, 1)
        container, probe = _CONTAINER.match(one.involved_object.field_path), _PROBE.match(one.message)
        new = count - (before or 0) if self.complete else 0
        pod = self._pods.get(one.involved_object.namespace, one.involved_object.name)
        if new > 0 and container and probe and pod:
            self._failures[pod.workload, container[1], probe[1].lower()] += new
        return count

    def samples(self) -> Iterator[Sample]:
        """Failures by workload, container and probe; what is known of a workload goes with its last pod."""
        for key in [key for key in self._failures if not self._pods.has(key[0])]:
            del self._failures[key]
        for (workload, container, probe), count in sorted(self._failures.items()):
            yield Sample(catalogue.CONTROLPLANE_CONTAINER_PROBE_FAILURES, (*workload, container, probe), count)
