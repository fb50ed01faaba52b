"""What the API of one cluster lets us see and do: as far as our rights go, and told where they end."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import structlog

from exporters.cluster.api import Api
from exporters.cluster.endpoint import Endpoint
from exporters.cluster.kubelet import Kubelets
from exporters.cluster.loops import Key, Step
from exporters.cluster.objects.leases import LEADERS
from exporters.cluster.objects.nodes import NODES
from exporters.cluster.objects.resource import Resource
from exporters.cluster.reflector import Reflector, WatchStatus
from exporters.cluster.rights import Right, review
from exporters.cluster.sample import Sample
from exporters.cluster.settings import Watching
from exporters.cluster.version import skew
from exporters.cluster.view import View, Watched, wanted_rights
from exporters.cluster.write import Writes
from tapwatch import catalogue
from tapwatch.errors import PollError

log = structlog.get_logger()

REVIEW_SECONDS = 300.0
"""How often rights are asked for again, as somebody may have granted what was missing."""
STALE_SECONDS = 60.0
"""What a collection said is not told any more when it could not be watched for this time."""


class Insight:
    """Everything beyond the probes of endpoints."""

    def __init__(
        self, api: Api, view: View, writes: Writes, settings: Watching, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._view = view
        self._writes = writes
        self._now = now
        self._reflectors = {one.resource: Reflector(api, one.resource, one.store, now) for one in view.watched}
        self._kubelets = Kubelets(api, view.nodes, settings.kubelet_interval, settings.kubelets_per_second)
        self._wanted = wanted_rights(view, settings)
        self._granted: Mapping[Right, bool] = {}
        self._reviewed: float | None = None
        self._unknown: PollError | None = None

    @property
    def first_round_is_over(self) -> bool:
        """Whether every collection that may be watched was listed once, or could not be."""
        return all(self._has_spoken(one) for one in self._view.watched if self._may(one.rights))

    async def review(self) -> None:
        """Ask for our rights when it is time. Raises PollError, and keeps those known."""
        if self._reviewed is not None and self._now() - self._reviewed < REVIEW_SECONDS:
            return
        try:
            granted = await review(self._api, self._wanted)
        except PollError as error:
            if self._unknown is None or self._unknown.reason != error.reason:
                log.warning("rights.unknown", reason=error.reason.value, error=str(error))
            self._unknown = error
            raise
        self._reviewed, self._unknown = self._now(), None
        if granted != self._granted:
            _tell_missing([right for right, allowed in granted.items() if not allowed])
        self._granted = granted

    def follow(self, endpoints: Collection[Endpoint]) -> dict[Key, Step]:
        """The loops that our rights allow."""
        self._writes.keep(endpoints)
        steps: dict[Key, Step] = {
            Key("watch", one.resource): self._reflectors[one.resource].step
            for one in self._view.watched
            if self._may(one.rights)
        }
        if self._may(self._of_part("kubelets")):
            steps[Key("kubelets")] = self._kubelets.step
        if self._may(self._of_part("write")):
            steps |= {Key("write", endpoint): partial(self._writes.step, endpoint) for endpoint in endpoints}
        return steps

    def samples(self, versions: Collection[str]) -> Iterator[Sample]:
        """Everything that is known now; `versions` are those of the API servers."""
        for right, allowed in self._granted.items():
            labels = right.part, right.verb, right.name, right.namespace
            yield Sample(catalogue.CONTROLPLANE_RIGHT, labels, float(allowed))
        for one in self._view.watched:
            if self._may(one.rights) and self._has_spoken(one):
                yield from _watch_samples(one, self._reflectors[one.resource].status)
        if self._is_current(LEADERS):
            yield Sample(catalogue.CONTROLPLANE_REPLICAS, ("lease",), self._view.api_servers())
        if self._is_current(NODES):
            between = skew(versions, self._view.nodes.kubelet_versions())
            if between is not None:
                yield Sample(catalogue.CONTROLPLANE_VERSION_SKEW, ("kubelet",), between)
        yield from self._view.samples(self._is_current)
        yield from self._writes.samples()
        yield from self._kubelets.samples()

    def _of_part(self, part: str) -> list[Right]:
        return [right for right in self._wanted if right.part == part]

    def _may(self, rights: Collection[Right]) -> bool:
        return bool(rights) and all(self._granted.get(right, False) for right in rights)

    def _has_spoken(self, one: Watched) -> bool:
        status = self._reflectors[one.resource].status
        return status.synced or status.failure is not None

    def _is_current(self, resource: Resource[Any]) -> bool:
        """Whether what a collection said may still be told."""
        if resource not in self._reflectors:
            return False
        status = self._reflectors[resource].status
        is_stale = status.failing_since is not None and self._now() - status.failing_since > STALE_SECONDS
        return status.synced and not is_stale


def _watch_samples(one: Watched, status: WatchStatus) -> Iterator[Sample]:
    labels = one.resource.name, one.resource.namespace
    yield Sample(catalogue.CONTROLPLANE_WATCH_UP, labels, float(status.failure is None))
    if status.failure is not None:
        yield Sample(catalogue.CONTROLPLANE_WATCH_FAILURE, (*labels, status.failure.reason), 1)
    yield Sample(catalogue.CONTROLPLANE_WATCH_OBJECTS, labels, len(one.store))
    yield Sample(catalogue.CONTROLPLANE_WATCH_LISTS, labels, status.lists)
    yield Sample(catalogue.CONTROLPLANE_WATCH_EVENTS, labels, status.events)


def _tell_missing(missing: Collection[Right]) -> None:
    for part in sorted({right.part for right in missing}):
        told = [f"{right.verb} {right.name}" for right in missing if right.part == part]
        log.warning("rights.missing", part=part, rights=told)
