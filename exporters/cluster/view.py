"""All that the API says of one cluster: which collections are watched, for which part, and what they add up to."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

from exporters.cluster.objects import components, events, leases, nodes, pods, services, workloads
from exporters.cluster.objects.resource import Resource
from exporters.cluster.objects.store import Store
from exporters.cluster.rights import Right
from exporters.cluster.sample import Sample
from exporters.cluster.settings import Part, Watching

_RENEWALS = ("create", "get", "patch")


class Telling(Protocol):
    """A store whose samples need no other."""

    def samples(self) -> Iterator[Sample]:
        """What it holds."""


class Watched(NamedTuple):
    """A collection and where its objects go."""

    part: Part
    resource: Resource[Any]
    store: Store[Any, Any]

    @property
    def rights(self) -> tuple[Right, ...]:
        """What watching it takes."""
        one = self.resource
        return tuple(Right(self.part, verb, one.group, one.plural, one.namespace) for verb in ("list", "watch"))


class View:
    """The stores of one cluster."""

    def __init__(self, settings: Watching, now: Callable[[], float] = time.monotonic) -> None:
        self._leaders, heartbeats = leases.Leases(now), leases.Leases(now)
        self.nodes: Final = nodes.Nodes(heartbeats, now)
        self._pods = pods.Pods(settings.system_namespaces)
        self._failures = events.ProbeFailures(self._pods)
        self._api_services = components.ApiServices()
        self._validating = components.Webhooks("validating")
        self._mutating = components.Webhooks("mutating")
        self.services: Final = services.ScrapedServices()
        self.slices: Final = services.EndpointSlices()
        deadline = settings.rollout_deadline
        self._deployments = workloads.Workloads("Deployment", workloads.deployment_rollout, deadline, now)
        self._stateful_sets = workloads.Workloads("StatefulSet", workloads.stateful_set_rollout, deadline, now)
        self._daemon_sets = workloads.Workloads("DaemonSet", workloads.daemon_set_rollout, deadline, now)
        every = (
            Watched("leaders", leases.LEADERS, self._leaders),
            Watched("nodes", nodes.NODES, self.nodes),
            Watched("nodes", leases.HEARTBEATS, heartbeats),
            Watched("components", components.API_SERVICES, self._api_services),
            Watched("components", components.VALIDATING, self._validating),
            Watched("components", components.MUTATING, self._mutating),
            Watched("services", services.SERVICES, self.services),
            Watched("services", services.ENDPOINT_SLICES, self.slices),
            Watched("pods", pods.PODS, self._pods),
            Watched("pods", events.EVENTS, self._failures),
            Watched("workloads", workloads.DEPLOYMENTS, self._deployments),
            Watched("workloads", workloads.STATEFUL_SETS, self._stateful_sets),
            Watched("workloads", workloads.DAEMON_SETS, self._daemon_sets),
        )
        self._alone: tuple[tuple[Resource[Any], Telling], ...] = (
            (leases.LEADERS, self._leaders),
            (components.API_SERVICES, self._api_services),
            (pods.PODS, self._pods),
            (events.EVENTS, self._failures),
            (workloads.DEPLOYMENTS, self._deployments),
            (workloads.STATEFUL_SETS, self._stateful_sets),
            (workloads.DAEMON_SETS, self._daemon_sets),
        )
        self.watched: Final = tuple(one for one in every if one.part in settings.parts)

    def api_servers(self) -> int:
        """How many say by a Lease that they live."""
        return self._leaders.api_servers()

    def samples(self, is_current: Callable[[Resource[Any]], bool]) -> Iterator[Sample]:
        """Everything but what is not known, or not any more."""
        if is_current(nodes.NODES):
            yield from self.nodes.samples()
            if is_current(leases.HEARTBEATS):
                yield from self.nodes.heartbeat_samples()
        if is_current(services.ENDPOINT_SLICES):
            ready = self.slices.ready_counts()
            if is_current(components.VALIDATING):
                yield from self._validating.samples(ready)
            if is_current(components.MUTATING):
                yield from self._mutating.samples(ready)
        for resource, store in self._alone:
            if is_current(resource):
                yield from store.samples()


def wanted_rights(view: View, settings: Watching) -> tuple[Right, ...]:
    """All that the parts in the settings need."""
    own_lease = [Right("write", verb, leases.GROUP, "leases", settings.lease_namespace) for verb in _RENEWALS]
    every = (
        Right("discovery", "list", services.ENDPOINT_SLICES.group, services.ENDPOINT_SLICES.plural, "default"),
        *own_lease,
        *(right for one in view.watched for right in one.rights),
        Right("kubelets", "get", "", "nodes/proxy"),
    )
    return tuple(right for right in every if right.part == "discovery" or right.part in settings.parts)
