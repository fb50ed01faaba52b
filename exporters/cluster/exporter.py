"""The cluster exporter: watches clusters all the time, and tells Prometheus what it knows when asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

from aiohttp import web

from exporters.cluster.exposition import render
from exporters.cluster.objects.services import target_groups
from exporters.cluster.sample import Sample
from exporters.cluster.settings import Cluster, Plan, Timing, Watching
from exporters.cluster.watch import Watch
from tapwatch import catalogue
from tapwatch.instruments import counter
from tapwatch.web import Service, own_registry

_WatchKey = tuple[Cluster, Timing, Watching]


class Exporter:
    """The process: its plan and a watch for each cluster."""

    def __init__(self, load: Callable[[], Plan]) -> None:
        """Read the plan; raises ConfigError. `load` is called again by each reload."""
        self._load = load
        self._plan = load()
        self._running = False
        self._ready = False
        self._watches: dict[_WatchKey, Watch] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.registry = own_registry()
        self._crashes = counter(catalogue.WATCH_CRASHES, self.registry)

    @property
    def service(self) -> Service:
        """The exporter as the shared web server takes it."""
        return Service(
            name="cluster-exporter",
            routes=[web.get("/sd/services", self._services)],
            registry=self.registry,
            exposition=lambda: render(self._samples()),
            reload=self.reload,
            readiness=self._readiness,
            background=self._watching,
            links=["/sd/services"],
        )

    def reload(self) -> None:
        """Read the plan again and swap it in; raises ConfigError and keeps the old one.

        A cluster whose settings are the same goes on being watched without a gap.
        """
        self._plan = self._load()
        if self._running:
            self._apply()

    def _apply(self) -> None:
        """Start and end watches until they are those of the plan."""
        self._readiness()  # as it was until now counts
        old = self._watches
        keys = [(cluster, self._plan.timing, self._plan.watching) for cluster in self._plan.clusters]
        self._watches = {key: old.get(key) or self._started(*key) for key in keys}
        self._end(watch for key, watch in old.items() if key not in self._watches)

    def _started(self, cluster: Cluster, timing: Timing, watching: Watching) -> Watch:
        watch = Watch(cluster, timing, watching, self._crashes)
        watch.start()
        return watch

    def _end(self, watches: Iterable[Watch]) -> None:
        for watch in watches:
            task = asyncio.create_task(watch.stop())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        self._running = True
        self._apply()
        try:
            yield
        finally:
            self._running = False
            self._end(self._watches.values())
            await asyncio.gather(*self._ending)

    def _samples(self) -> Iterator[tuple[Cluster, Iterable[Sample]]]:
        return ((watch.cluster, watch.samples()) for watch in self._watches.values())

    async def _services(self, _request: web.Request) -> web.Response:
        """Prometheus' HTTP service discovery over all clusters.

        503 until all were looked at: Prometheus then keeps the targets that it has. A cluster that is lost later keeps
        the targets that were known of it.
        """
        reason = self._readiness()
        if reason is not None:
            return web.Response(status=503, text=f"tapwatch cluster-exporter is not ready: {reason}.\n")
        return web.json_response([group for watch in self._watches.values() for group in _target_groups(watch)])

    def _readiness(self) -> str | None:
        """Ready once, ready for good: a cluster that comes with a reload must not take the others' metrics away."""
        waiting = [watch.cluster.name for watch in self._watches.values() if not watch.first_round_is_over]
        self._ready = self._ready or (bool(self._watches) and not waiting)
        return None if self._ready else f"the first round is not over in {', '.join(waiting)}"


def _target_groups(watch: Watch) -> Iterator[dict[str, object]]:
    cluster = watch.cluster
    place = {"cluster": cluster.name, "region": cluster.region, "zone": cluster.zone}
    for group in target_groups(watch.view.services, watch.view.slices):
        yield {"targets": group.targets, "labels": {**place, **group.labels}}
