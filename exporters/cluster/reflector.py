"""A store kept in step with the API: listed once in pages, then watched, and resumed where a watch broke off.

Kubernetes' documentation, "Kubernetes API Concepts": pages by `limit` and `continue`; a watch goes on from the last
resource version, which bookmarks keep recent; 410 says that the version is too old, and only then all is listed again.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from exporters.cluster.api import Api, decode
from exporters.cluster.failure import StatusError
from exporters.cluster.objects.resource import Metadata, Named, Object, Resource, Wire
from tapwatch.errors import PollError, PollReason

log = structlog.get_logger()

PAGE_OBJECTS = 500
WATCH_SECONDS = 120.0
"""A watch is renewed after this time at most: a connection that died without a word is found out by then."""
_GRACE_SECONDS = 10.0
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 15.0

Item = TypeVar("Item")
_Object_contra = TypeVar("_Object_contra", bound=Named, contravariant=True)


class Sink(Protocol[_Object_contra]):
    """Where objects go; a Store is one."""

    def begin(self) -> None:
        """A list begins."""

    def put(self, one: _Object_contra, /) -> None:
        """An object as it is now."""

    def drop(self, one: _Object_contra, /) -> None:
        """An object that was deleted."""

    def end(self) -> None:
        """The list is over."""


@dataclass
class WatchStatus:
    """How a reflector is doing."""

    failure: PollError | None = None
    failing_since: float | None = None
    """On the monotonic clock; None while all is well."""
    synced: bool = False
    """Whether the first list is complete."""
    lists: int = 0
    events: int = 0


class _ListMetadata(Wire, frozen=True):
    resource_version: str = ""
    token: str = msgspec.field(default="", name="continue")


class _Page(Wire, Generic[Item], frozen=True):
    metadata: _ListMetadata
    items: list[Item] | None = None


class _Event(Wire, frozen=True):
    type: str
    object: msgspec.Raw


class _Bookmark(Wire, frozen=True):
    metadata: Metadata


class _Status(Wire, frozen=True):
    code: int = 0
    message: str = ""


class Reflector(Generic[Object]):
    """Keeps one store in step."""

    def __init__(self, api: Api, resource: Resource[Object], store: Sink[Object], now: Callable[[], float]) -> None:
        self._api = api
        self.resource = resource
        self._store = store
        self._now = now
        self._page: type[_Page[Object]] = _Page[resource.kind]  # type: ignore[name-defined]
        self._version: str | None = None
        self._pause = _SHORTEST_PAUSE_SECONDS
        self.status = WatchStatus()

    async def step(self) -> float:
        """List unless a version is known, and watch until the watch ends. Never raises for what servers do."""
        url = self._api.route.pick()
        try:
            if self._version is None:
                self._version = await self._list(url)
                self._recovered()
            await self._watch(url)
        except PollError as error:
            if isinstance(error, StatusError) and error.status == HTTPStatus.GONE:
                self._version = None  # as documented, and no failure: the next step lists
                log.info("watch.expired", resource=self.resource.name, namespace=self.resource.namespace)
            else:
                self._failed(error)
            await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311 - so that clients do not come at once
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return _SHORTEST_PAUSE_SECONDS

    async def _list(self, url: str) -> str:
        """Fill the store; the version to watch from. Raises PollError."""
        self._store.begin()
        token = ""
        while True:
            more = {"continue": token} if token else {}
            query = {**self.resource.query, "limit": str(PAGE_OBJECTS), **more}
            page = await self._api.get(self.resource.path, self._page, query, url=url)
            for one in page.items or ():
                self._store.put(one)
            token = page.metadata.token
            if not token:
                break
        self._store.end()
        self.status.synced = True
        self.status.lists += 1
        return page.metadata.resource_version

    async def _watch(self, url: str) -> None:
        """Take events until the server, or what lies between, ends the watch. Raises PollError."""
        query = {
            **self.resource.query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version or "",
            "timeoutSeconds": f"{WATCH_SECONDS:.0f}",
        }
        seconds, idle_seconds = WATCH_SECONDS + _GRACE_SECONDS, self.resource.idle_seconds
        lines = self._api.lines(self.resource.path, query, url=url, seconds=seconds, idle_seconds=idle_seconds)
        watching = False
        try:
            async with lines as coming:
                watching = True
                self._recovered()
                async for line in coming:
                    self._handle(decode(line, _Event, self.resource.path))
        except PollError as error:
            # Silence, or a server that a probe found down: what counts is whether another watch can be had.
            if not watching or error.reason != PollReason.TIMEOUT:
                raise

    def _handle(self, event: _Event) -> None:
        """Raises PollError when the server ends the watch with an error."""
        path = self.resource.path
        if event.type == "ERROR":
            status = decode(event.object, _Status, path)
            raise StatusError(status.code, f"the watch of {path} was ended: {status.message}")
        if event.type == "BOOKMARK":
            self._version = decode(event.object, _Bookmark, path).metadata.resource_version
            return
        one = decode(event.object, self.resource.kind, path)
        (self._store.drop if event.type == "DELETED" else self._store.put)(one)
        self._version = one.metadata.resource_version
        self.status.events += 1

    def _recovered(self) -> None:
        if self.status.failure is not None:
            log.info("watch.recovered", resource=self.resource.name, namespace=self.resource.namespace)
        self.status.failure, self.status.failing_since = None, None
        self._pause = _SHORTEST_PAUSE_SECONDS

    def _failed(self, error: PollError) -> None:
        before = self.status.failure
        if before is None or before.reason != error.reason:
            log.warning(
                "watch.failed",
                resource=self.resource.name,
                namespace=self.resource.namespace,
                reason=error.reason.value,
                error=str(error),
            )
        if self.status.failing_since is None:
            self.status.failing_since = self._now()
        self.status.failure = error
