"""The write path: a Lease of our own, renewed through each API server and read back through another.

Health checks do not write: etcd that has run out of space says that it is healthy (etcd#16337), and so does an API
server whose writes time out (kubernetes#72796).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from exporters.cluster.api import Api
from exporters.cluster.endpoint import Endpoint
from exporters.cluster.objects.resource import Wire
from exporters.cluster.sample import Sample
from exporters.cluster.state import OK
from tapwatch import catalogue
from tapwatch.errors import PollError, PollReason

log = structlog.get_logger()

_PATH = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}"
_PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between looks at another replica: a watch cache follows within milliseconds."""
LONGEST_STALENESS_SECONDS = sum(_PAUSES)


class _Metadata(Wire, frozen=True):
    resource_version: int = 0


class _Lease(Wire, frozen=True):
    """Its version grows with every write, and may be compared ("Kubernetes API Concepts", resource versions)."""

    metadata: _Metadata = _Metadata()


@dataclass(frozen=True)
class Write:
    """What the last write through an endpoint found, and the results of all."""

    seconds: float
    failure: PollError | None
    reader: str | None = None
    """The replica through which it was read back; None when none was up, or it did not answer."""
    staleness: float | None = None
    """Seconds from the write's success until the reader showed it, or until that was given up."""
    results: Mapping[str, int] = field(default_factory=dict)
    """How many writes so far, by result."""


class Writes:
    """The write path of one cluster."""

    def __init__(self, api: Api, namespace: str, identity: str, interval: float) -> None:
        """`identity` names the Lease: no two exporters share one. The interval is in seconds."""
        self._api = api
        self._namespace = namespace
        self._name = f"tapwatch-{identity}"
        self._path = _PATH.format(namespace, self._name)
        self._identity = identity
        self._interval = interval
        self._last: dict[Endpoint, Write] = {}

    async def step(self, endpoint: Endpoint) -> float:
        """One write through an endpoint; the seconds to the next."""
        started, failure, reader, staleness = time.perf_counter(), None, None, None
        written = 0
        try:
            lease = await self._api.apply(self._path, self._lease(datetime.now(UTC)), _Lease, url=endpoint.url)
            written = lease.metadata.resource_version
        except PollError as error:
            failure = error
        seconds = time.perf_counter() - started
        if failure is None:
            reader = self._api.route.next_replica(endpoint.url)
        if reader is not None:
            staleness = await self._read_back(reader, written)
        before = self._last.get(endpoint)
        results = Counter(before.results if before is not None else {})
        results[OK if failure is None else failure.reason.value] += 1
        _note(endpoint, before.failure if before is not None else None, failure)
        self._last[endpoint] = Write(seconds, failure, reader, staleness, results)
        return self._interval

    def keep(self, endpoints: Collection[Endpoint]) -> None:
        """Forget all others, and what was read back through them."""
        known = {endpoint.url for endpoint in endpoints}
        self._last = {
            endpoint: write if write.reader in known else replace(write, reader=None, staleness=None)
            for endpoint, write in self._last.items()
            if endpoint in endpoints
        }

    def samples(self) -> Iterator[Sample]:
        """The last write through each endpoint."""
        for endpoint, write in sorted(self._last.items()):
            labels = endpoint.url, endpoint.role
            yield Sample(catalogue.CONTROLPLANE_WRITE_UP, labels, float(write.failure is None))
            yield Sample(catalogue.CONTROLPLANE_WRITE_SECONDS, labels, write.seconds)
            if write.failure is not None:
                yield Sample(catalogue.CONTROLPLANE_WRITE_FAILURE, (*labels, write.failure.reason), 1)
            if write.reader is not None and write.staleness is not None:
                yield Sample(catalogue.CONTROLPLANE_READ_STALENESS, (*labels, write.reader), write.staleness)
            for result, count in sorted(write.results.items()):
                yield Sample(catalogue.CONTROLPLANE_WRITES, (*labels, result), count)

    def _lease(self, renewed: datetime) -> dict[str, object]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(3 * self._interval)),
                "renewTime": renewed.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            },
        }

    async def _read_back(self, reader: str, written: int) -> float | None:
        """Seconds until the reader shows the write, or a later one; None when it does not answer.

        It is asked for what it has at hand (resource version 0), as controllers are served, not for what etcd has.
        """
        started = time.perf_counter()
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            asked = time.perf_counter()
            try:
                lease = await self._api.get(self._path, _Lease, {"resourceVersion": "0"}, url=reader)
            except PollError as error:
                if error.reason != PollReason.MISSING:  # it has not even seen that the Lease was made
                    return None
                continue
            if lease.metadata.resource_version >= written:
                return asked - started
        return time.perf_counter() - started


def _note(endpoint: Endpoint, old: PollError | None, new: PollError | None) -> None:
    """Log what changed."""
    bound = log.bind(endpoint=endpoint.url, role=endpoint.role)
    if new is not None and (old is None or old.reason != new.reason):
        bound.warning("write.failed", reason=new.reason.value, error=str(new))
    elif new is None and old is not None:
        bound.info("write.recovered")
