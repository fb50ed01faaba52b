"""One cluster watched: a loop that renews credentials and lists replicas, and a loop for each endpoint."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter

from exporters.cluster.access import Access, ApiAccess
from exporters.cluster.endpoint import Endpoint
from exporters.cluster.health import Probe
from exporters.cluster.probe import Prober, open_prober
from exporters.cluster.roster import Roster, update_roster
from exporters.cluster.settings import Cluster, Timing
from exporters.cluster.state import ClusterState, EndpointState
from exporters.cluster.thread import start_in_thread
from tapwatch.errors import PollError, PollReason

log = structlog.get_logger()

_BLOCKED_SECONDS = 10.0
"""The longest wait for the official client: credential plugins ask services far away."""

Result = TypeVar("Result")


class Watch:
    """Watches one cluster from `start` to `stop`."""

    def __init__(
        self, cluster: Cluster, timing: Timing, crashes: Counter, now: Callable[[], float] = time.time
    ) -> None:
        self._cluster = cluster
        self._timing = timing
        self._crashes = crashes
        self._now = now
        self._log = log.bind(cluster=cluster.name)
        self._api = ApiAccess(cluster.target)
        self._access: Access | PollError = PollError(PollReason.TIMEOUT, "the credentials are not read yet")
        self._blocked: Future[Any] | None = None
        self._roster: Roster = dict.fromkeys(cluster.endpoints or ())
        self._refreshed = False
        self._failure: PollError | None = None
        self._endpoints: dict[Endpoint, EndpointState] = {}
        self._loops: dict[Endpoint, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> ClusterState:
        """What is known at this moment."""
        return ClusterState(self._cluster, self._refreshed, self._failure, dict(sorted(self._endpoints.items())))

    def start(self) -> None:
        """Begin, in the event loop that runs."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what is under way is dropped."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        async with open_prober(self._timing, self._now) as prober:
            try:
                await self._repeat("refresh", partial(self._refresh, prober))
            finally:
                for loop in self._loops.values():
                    loop.cancel()
                await asyncio.gather(*self._loops.values(), return_exceptions=True)

    async def _repeat(self, name: str, step: Callable[[], Awaitable[float]]) -> None:
        """Take a step again and again; it returns the seconds from its start to the next one's."""
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            try:
                pause = await step()
            except Exception:  # noqa: BLE001 - the outermost loop: a fault of ours must not end the watch
                self._log.exception("watch.crashed", loop=name)
                self._crashes.labels(self._cluster.name, name).inc()
                pause = self._timing.interval
            await asyncio.sleep(max(0.0, started + pause - clock()))

    async def _refresh(self, prober: Prober) -> float:
        """Renew the credentials, and list the replicas unless the settings name them."""
        failure: PollError | None = None
        try:
            await self._renew_access()
            self._follow(prober)  # the address that users use needs no listing
            if self._cluster.endpoints is None:
                await self._list_replicas()
        except PollError as error:
            failure = error
        self._follow(prober)
        self._note_refresh(failure)
        return self._timing.interval if failure else self._timing.refresh

    async def _renew_access(self) -> None:
        """Raises PollError, and keeps the last access, which may still do."""
        probes = [one.probe for one in self._endpoints.values() if one.probe is not None]
        rejected = any(one.failure is not None and one.failure.reason == PollReason.UNAUTHORIZED for one in probes)
        try:
            self._access = await self._call(partial(self._api.renew, rejected=rejected))
        except PollError as error:
            if not isinstance(self._access, Access):
                self._access = error
            raise

    async def _list_replicas(self) -> None:
        """Raises PollError, and keeps the last roster."""
        patience = self._timing.connect_timeout, self._timing.timeout
        listed = await self._call(partial(self._api.list_replicas, *patience))
        self._roster = update_roster(self._roster, listed, self._now(), self._timing.forget_after)

    async def _call(self, function: Callable[[], Result]) -> Result:
        """The official client's result; raises PollError, also when it does not come back in time."""
        if self._blocked is not None and not self._blocked.done():
            raise PollError(PollReason.TIMEOUT, "the last call, or the credential plugin, has still not come back")
        future = start_in_thread(function)
        self._blocked = future
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), _BLOCKED_SECONDS)
        except TimeoutError as error:
            message = f"credentials or replicas were not had within {_BLOCKED_SECONDS:g} s"
            raise PollError(PollReason.TIMEOUT, message) from error

    def _follow(self, prober: Prober) -> None:
        """Start a loop for each endpoint that came, and end those of endpoints that went."""
        wanted = {Endpoint(self._cluster.target.server, "address"), *(Endpoint(url, "replica") for url in self._roster)}
        for endpoint in self._loops.keys() - wanted:
            self._loops.pop(endpoint).cancel()
            del self._endpoints[endpoint]
            self._log.info("endpoint.forgotten", endpoint=endpoint.url, role=endpoint.role)
        for endpoint in wanted - self._loops.keys():
            self._endpoints[endpoint] = EndpointState()
            step = partial(self._probe, prober, endpoint)
            self._loops[endpoint] = asyncio.create_task(self._repeat("probe", step))
            self._log.info("endpoint.found", endpoint=endpoint.url, role=endpoint.role)

    async def _probe(self, prober: Prober, endpoint: Endpoint) -> float:
        before = self._endpoints[endpoint]
        probe = await prober.probe(endpoint.url, self._access, with_version=before.wants_version(self._now()))
        self._endpoints[endpoint] = before.after(probe)
        self._note_probe(endpoint, before, probe)
        return self._timing.interval

    def _note_refresh(self, failure: PollError | None) -> None:
        if failure is not None and (self._failure is None or self._failure.reason != failure.reason):
            self._log.warning("discovery.failed", reason=failure.reason.value, error=str(failure))
        elif failure is None and self._failure is not None:
            self._log.info("discovery.recovered")
        self._failure = failure
        self._refreshed = True

    def _note_probe(self, endpoint: Endpoint, before: EndpointState, probe: Probe) -> None:
        """Log what changed; a change back and forth is in the metrics."""
        old = before.probe.failure if before.probe is not None else None
        bound = self._log.bind(endpoint=endpoint.url, role=endpoint.role)
        if probe.failure is not None and (old is None or old.reason != probe.failure.reason):
            bound.warning("endpoint.down", reason=probe.failure.reason.value, error=str(probe.failure))
        elif probe.failure is None and old is not None:
            bound.info("endpoint.up")
