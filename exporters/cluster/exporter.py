"""The cluster exporter: watches clusters all the time, and tells Prometheus what it knows when asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from exporters.cluster.collector import ClusterCollector
from exporters.cluster.settings import Cluster, Plan, Timing
from exporters.cluster.state import ClusterState
from exporters.cluster.watch import Watch
from tapwatch import catalogue
from tapwatch.instruments import counter
from tapwatch.web import Service, own_registry


class Exporter:
    """The process: its plan and a watch for each cluster."""

    def __init__(self, load: Callable[[], Plan]) -> None:
        """Read the plan; raises ConfigError. `load` is called again by each reload."""
        self._load = load
        self._plan = load()
        self._running = False
        self._ready = False
        self._watches: dict[tuple[Cluster, Timing], Watch] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.registry = own_registry()
        self._crashes = counter(catalogue.WATCH_CRASHES, self.registry)
        self.registry.register(ClusterCollector(self._states))

    @property
    def service(self) -> Service:
        """The exporter as the shared web server takes it."""
        return Service(
            name="cluster-exporter",
            routes=[],
            registry=self.registry,
            reload=self.reload,
            readiness=self._readiness,
            background=self._watching,
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
        old, timing = self._watches, self._plan.timing
        keys = [(cluster, timing) for cluster in self._plan.clusters]
        self._watches = {key: old.get(key) or self._started(*key) for key in keys}
        self._end(watch for key, watch in old.items() if key not in self._watches)

    def _started(self, cluster: Cluster, timing: Timing) -> Watch:
        watch = Watch(cluster, timing, self._crashes)
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

    def _states(self) -> list[ClusterState]:
        return [watch.state for watch in self._watches.values()]

    def _readiness(self) -> str | None:
        """Ready once, ready for good: a cluster that comes with a reload must not take the others' metrics away."""
        waiting = [state.cluster.name for state in self._states() if not state.first_round_is_over]
        self._ready = self._ready or (bool(self._watches) and not waiting)
        return None if self._ready else f"the first round is not over in {', '.join(waiting)}"
