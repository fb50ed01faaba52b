"""One cluster watched: credentials, replicas and rights are kept fresh, and every part has loops of its own."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from zlib import crc32

import structlog
from prometheus_client import Counter
from structlog.contextvars import bind_contextvars

from exporters.cluster.access import Access
from exporters.cluster.api import open_api
from exporters.cluster.credentials import Credentials
from exporters.cluster.endpoints import Endpoints
from exporters.cluster.etcd import Etcd, open_etcd
from exporters.cluster.insight import Insight
from exporters.cluster.loops import Key, Loops
from exporters.cluster.probe import open_prober
from exporters.cluster.report import samples
from exporters.cluster.route import Route
from exporters.cluster.sample import Sample
from exporters.cluster.settings import Cluster, Timing, Watching
from exporters.cluster.state import ClusterState
from exporters.cluster.view import View
from exporters.cluster.write import Writes
from tapwatch.errors import PollError

log = structlog.get_logger()


def own_name() -> str:
    """The name of this machine, or pod, as a Kubernetes object may be named."""
    name = socket.gethostname().lower()
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name).strip("-")
    return plain[:40] or f"exporter-{crc32(name.encode()):x}"


class Watch:
    """Watches one cluster from `start` to `stop`."""

    def __init__(
        self,
        cluster: Cluster,
        timing: Timing,
        watching: Watching,
        crashes: Counter,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.cluster = cluster
        self.view = View(watching)
        self._timing = timing
        self._watching = watching
        self._now = now
        self._credentials = Credentials(cluster.target, timing)
        self._route = Route(cluster.target.server, own_name())
        self._loops = Loops(cluster.name, crashes)
        self._refreshed = False
        self._failure: PollError | None = None
        self._endpoints: Endpoints | None = None
        self._insight: Insight | None = None
        self._etcd: Etcd | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> ClusterState:
        """What is known of the endpoints at this moment."""
        access = self._credentials.access
        return ClusterState(
            self.cluster,
            self._refreshed,
            self._failure,
            self._endpoints.states if self._endpoints is not None else {},
            self._endpoints.listed if self._endpoints is not None and self._refreshed else None,
            access.expires if isinstance(access, Access) else None,
        )

    @property
    def first_round_is_over(self) -> bool:
        """Whether all that could be found was looked at once."""
        return self.state.first_round_is_over and (self._insight is None or self._insight.first_round_is_over)

    def samples(self) -> Iterator[Sample]:
        """All that is known at this moment."""
        state = self.state
        yield from samples(state)
        if self._insight is not None:
            yield from self._insight.samples(state.versions())
        if self._etcd is not None:
            yield from self._etcd.samples()

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
        bind_contextvars(cluster=self.cluster.name)
        async with AsyncExitStack() as stack:
            prober = await stack.enter_async_context(open_prober(self._timing, self._now))
            api = await stack.enter_async_context(open_api(self._timing, self._credentials.require, self._route))
            if self.cluster.etcd is not None:
                self._etcd = await stack.enter_async_context(open_etcd(self.cluster.etcd, self._timing))
            self._endpoints = Endpoints(self.cluster, self._timing, self._credentials, prober, self._route, self._now)
            writes = Writes(api, self._watching.lease_namespace, own_name(), self._timing.write_interval)
            self._insight = Insight(api, self.view, writes, self._watching)
            stack.push_async_callback(self._loops.stop)
            await self._loops.repeat(Key("refresh"), partial(self._refresh, self._endpoints, self._insight))

    async def _refresh(self, endpoints: Endpoints, insight: Insight) -> float:
        """Renew the credentials, find the replicas, ask for our rights: what fails keeps the rest from nothing."""
        failures = [
            await self._attempt(step, endpoints, insight)
            for step in (
                partial(self._credentials.renew, rejected=endpoints.rejected),
                endpoints.discover,
                insight.review,
            )
        ]
        self._note(failures[0] or failures[1])
        return self._timing.interval if any(failures) else self._timing.refresh

    async def _attempt(
        self, step: Callable[[], Awaitable[None]], endpoints: Endpoints, insight: Insight
    ) -> PollError | None:
        """What failed, if anything; what is known then need not wait for the next step."""
        try:
            await step()
        except PollError as error:
            return error
        finally:
            self._follow(endpoints, insight)
        return None

    def _follow(self, endpoints: Endpoints, insight: Insight) -> None:
        steps = endpoints.follow() | insight.follow(endpoints.states)
        if self._etcd is not None and self.cluster.etcd is not None:
            steps |= {Key("etcd", url): partial(self._etcd.step, url) for url in self.cluster.etcd.endpoints}
        self._loops.follow(steps)

    def _note(self, failure: PollError | None) -> None:
        if failure is not None and (self._failure is None or self._failure.reason != failure.reason):
            log.warning("discovery.failed", reason=failure.reason.value, error=str(failure))
        elif failure is None and self._failure is not None:
            log.info("discovery.recovered")
        self._failure = failure
        self._refreshed = True
