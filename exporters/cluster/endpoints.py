"""The endpoints of one cluster: which there are, and what each probe found."""

from collections.abc import Callable, Mapping
from functools import partial

import structlog
from yarl import URL

from exporters.cluster.credentials import Credentials
from exporters.cluster.endpoint import Endpoint, replica_url
from exporters.cluster.health import Probe
from exporters.cluster.loops import Key, Step
from exporters.cluster.probe import Prober
from exporters.cluster.roster import Roster, update_roster
from exporters.cluster.route import Route
from exporters.cluster.settings import Cluster, Timing
from exporters.cluster.state import EndpointState
from exporters.cluster.thread import resolve
from tapwatch.errors import PollError, PollReason

log = structlog.get_logger()

_HTTPS_PORT = 443


class Endpoints:
    """Probes each endpoint, and tells the route what was found."""

    def __init__(
        self,
        cluster: Cluster,
        timing: Timing,
        credentials: Credentials,
        prober: Prober,
        route: Route,
        now: Callable[[], float],
    ) -> None:
        self._cluster = cluster
        self._timing = timing
        self._credentials = credentials
        self._prober = prober
        self._route = route
        self._now = now
        self._roster: Roster = dict.fromkeys(cluster.endpoints or ())
        self._states: dict[Endpoint, EndpointState] = {}

    @property
    def states(self) -> Mapping[Endpoint, EndpointState]:
        """What is known of each, sorted."""
        return dict(sorted(self._states.items()))

    @property
    def listed(self) -> int:
        """How many replicas the settings, or the latest list, name."""
        return sum(since is None for since in self._roster.values())

    @property
    def rejected(self) -> bool:
        """Whether any endpoint refused our credentials at its last probe."""
        probes = [one.probe for one in self._states.values() if one.probe is not None]
        return any(one.failure is not None and one.failure.reason == PollReason.UNAUTHORIZED for one in probes)

    async def discover(self) -> None:
        """Find out which replicas there are, unless the settings name them. Raises PollError, and keeps the roster."""
        if self._cluster.endpoints is not None:
            return
        if self._cluster.endpoints_dns is not None:
            listed = await _addresses(self._cluster.endpoints_dns)
        else:
            listed = await self._credentials.list_replicas(self._route.pick())
        self._roster = update_roster(self._roster, listed, self._now(), self._timing.forget_after)

    def follow(self) -> dict[Key, Step]:
        """A loop for each endpoint that there is; what was known of others is forgotten."""
        address = Endpoint(self._cluster.target.server, "address")
        wanted = {address, *(Endpoint(url, "replica") for url in self._roster)}
        for endpoint in self._states.keys() - wanted:
            del self._states[endpoint]
            self._route.forget(endpoint)
            log.info("endpoint.forgotten", endpoint=endpoint.url, role=endpoint.role)
        for endpoint in wanted - self._states.keys():
            self._states[endpoint] = EndpointState()
            log.info("endpoint.found", endpoint=endpoint.url, role=endpoint.role)
        return {Key("probe", endpoint): partial(self._probe, endpoint) for endpoint in wanted}

    async def _probe(self, endpoint: Endpoint) -> float:
        before = self._states[endpoint]
        with_version = before.wants_version(self._now())
        probe = await self._prober.probe(endpoint.url, self._credentials.access, with_version=with_version)
        self._states[endpoint] = before.after(probe)
        self._route.note(endpoint, up=probe.failure is None)
        _note(endpoint, before, probe)
        return self._timing.interval


async def _addresses(url: str) -> tuple[str, ...]:
    """A replica at each address of the URL's name. Raises PollError."""
    place = URL(url)
    port = place.port or _HTTPS_PORT
    try:
        return tuple(replica_url(address, port) for address in await resolve(place.host or "", port))
    except OSError as error:
        raise PollError(PollReason.RESOLVE, f"{place.host}: {error.strerror or error}") from error


def _note(endpoint: Endpoint, before: EndpointState, probe: Probe) -> None:
    """Log what changed; a change back and forth is in the metrics."""
    old = before.probe.failure if before.probe is not None else None
    bound = log.bind(endpoint=endpoint.url, role=endpoint.role)
    if probe.failure is not None and (old is None or old.reason != probe.failure.reason):
        bound.warning("endpoint.down", reason=probe.failure.reason.value, error=str(probe.failure))
    elif probe.failure is None and old is not None:
        bound.info("endpoint.up")
