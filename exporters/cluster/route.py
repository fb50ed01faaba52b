"""Which of a cluster's API servers our own requests go to: one that is up, and another as soon as it is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zlib import crc32

from exporters.cluster.endpoint import Endpoint


class Route:
    """Told of every probe; a replica is preferred to the address, as probes see at once when it hangs.

    Behind an address, as that of a load balancer, a connection may be held by a server that hangs while new
    connections get to another. Exporters of different names spread over the replicas.
    """

    def __init__(self, address: str, name: str = "") -> None:
        self._address = address
        self._name = name
        self._up: dict[Endpoint, bool] = {}
        self._held: dict[str, set[asyncio.Timeout]] = {}

    def note(self, endpoint: Endpoint, *, up: bool) -> None:
        """An endpoint was probed."""
        if not up:
            for scope in self._held.get(endpoint.url, ()):
                scope.reschedule(asyncio.get_running_loop().time())
        self._up[endpoint] = up

    def forget(self, endpoint: Endpoint) -> None:
        """An endpoint is probed no more."""
        self.note(endpoint, up=False)
        self._up.pop(endpoint, None)

    def pick(self) -> str:
        """The URL to ask; the address when nothing is known to be up."""
        replicas = self.replicas_up()
        return min(replicas, key=self._distance) if replicas else self._address

    def next_replica(self, url: str) -> str | None:
        """The replica that is up and follows `url` in the ring of them, itself when it is alone; None without any."""
        ring = sorted({*self.replicas_up(), url})
        following = ring[(ring.index(url) + 1) % len(ring)]
        return following if following in self.replicas_up() else None

    def replicas_up(self) -> list[str]:
        """The URLs of the replicas that are up, sorted."""
        return sorted(endpoint.url for endpoint, up in self._up.items() if up and endpoint.role == "replica")

    @asynccontextmanager
    async def while_up(self, url: str) -> AsyncIterator[None]:
        """A block that TimeoutError ends when `url` is found down."""
        held = self._held.setdefault(url, set())
        async with asyncio.timeout(None) as scope:
            held.add(scope)
            try:
                yield
            finally:
                held.discard(scope)

    def _distance(self, url: str) -> int:
        return crc32(f"{self._name} {url}".encode())
