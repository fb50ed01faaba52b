"""What is known of the clusters: replaced with each result and never changed, so that a scrape sees whole rounds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporters.cluster.endpoint import Endpoint
from exporters.cluster.health import Probe
from exporters.cluster.settings import Cluster
from tapwatch.errors import PollError

OK = "ok"
VERSION_SECONDS = 60.0
"""A version is asked for again after this time, and after each failure, as a server restarts to change it."""


@dataclass(frozen=True)
class EndpointState:
    """What is known of one endpoint."""

    probe: Probe | None = None
    """The last one; None before the first has ended."""
    version: str | None = None
    version_time: float = 0.0
    """When the version was told, in Unix time."""
    probes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many probes so far, by health path and result."""

    def wants_version(self, now: float) -> bool:
        """Whether the next probe should ask for the version."""
        return self.version is None or now - self.version_time >= VERSION_SECONDS

    def after(self, probe: Probe) -> "EndpointState":
        """The state after one more probe."""
        results = Counter((one.path, OK if one.failure is None else one.failure.reason.value) for one in probe.answers)
        probes = dict(Counter(self.probes) + results)
        if probe.failure is not None:
            return EndpointState(probe, probes=probes)
        if probe.version is not None:
            return EndpointState(probe, probe.version, probe.ended, probes)
        return EndpointState(probe, self.version, self.version_time, probes)


@dataclass(frozen=True)
class ClusterState:
    """What is known of one cluster."""

    cluster: Cluster
    refreshed: bool
    """Whether credentials were read and replicas listed once, or tried to."""
    failure: PollError | None
    """Why the last try to do so failed."""
    endpoints: Mapping[Endpoint, EndpointState]

    @property
    def first_round_is_over(self) -> bool:
        """Whether every endpoint that could be found has been probed."""
        return self.refreshed and all(one.probe is not None for one in self.endpoints.values())
