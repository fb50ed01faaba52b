"""A cluster's credentials, kept fresh by the official client, which blocks: each call has a thread and a limit."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from exporters.cluster.access import Access, ApiAccess
from exporters.cluster.kubeconfig import Target
from exporters.cluster.settings import Timing
from exporters.cluster.thread import start_in_thread
from tapwatch.errors import PollError, PollReason

_BLOCKED_SECONDS = 10.0
"""The longest wait for the official client: credential plugins ask services far away."""

Result = TypeVar("Result")


class Credentials:
    """The way into one cluster, as it was had last."""

    def __init__(self, target: Target, timing: Timing) -> None:
        self._api = ApiAccess(target)
        self._patience = timing.connect_timeout, timing.timeout
        self._access: Access | PollError = PollError(PollReason.TIMEOUT, "the credentials are not read yet")
        self._blocked: Future[Any] | None = None

    @property
    def access(self) -> Access | PollError:
        """What requests carry, or why there is nothing."""
        return self._access

    def require(self) -> Access:
        """What requests carry; raises PollError."""
        if isinstance(self._access, PollError):
            raise PollError(self._access.reason, str(self._access)) from self._access
        return self._access

    async def renew(self, *, rejected: bool) -> None:
        """Read again, anew when the last were `rejected`. Raises PollError, and keeps the last, which may still do."""
        try:
            self._access = await self._call(partial(self._api.renew, rejected=rejected))
        except PollError as error:
            if not isinstance(self._access, Access):
                self._access = error
            raise

    async def list_replicas(self, server: str) -> tuple[str, ...]:
        """The URLs of the replicas that the API server at `server` lists. Raises PollError."""
        return await self._call(partial(self._api.list_replicas, server, *self._patience))

    async def _call(self, function: Callable[[], Result]) -> Result:
        """The official client's result; raises PollError, also when it does not come back in time."""
        if self._blocked is not None and not self._blocked.done():
            raise PollError(PollReason.TIMEOUT, "the last call, or the credential plugin, has still not come back")
        future = start_in_thread(function)
        self._blocked = future
        try:
            async with asyncio.timeout(_BLOCKED_SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            message = f"credentials or replicas were not had within {_BLOCKED_SECONDS:g} s"
            raise PollError(PollReason.TIMEOUT, message) from error
