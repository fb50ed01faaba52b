"""What is known of the clusters: replaced with each result and never changed, so that a scrape sees whole rounds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporters.cluster.clock import Offset
from exporters.cluster.endpoint import Endpoint, Role
from exporters.cluster.health import Probe
from exporters.cluster.settings import Cluster
from tapwatch.errors import PollError

OK = "ok"
_CLOCKS = 24
"""Answers whose dates are compared: those of about a minute narrow the clock's offset down to a tenth of a second."""
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
    clocks: tuple[Offset, ...] = ()
    """What the latest answers said of its clock, newest first."""
    certificate_expires: float | None = None
    """Of the certificate seen last, in Unix time: a server that does not answer has not got another."""

    def wants_version(self, now: float) -> bool:
        """Whether the next probe should ask for the version."""
        return self.version is None or now - self.version_time >= VERSION_SECONDS

    def after(self, probe: Probe) -> "EndpointState":
        """The state after one more probe."""
        results = Counter((one.path, OK if one.failure is None else one.failure.reason.value) for one in probe.answers)
        probes = dict(Counter(self.probes) + results)
        clocks = (*probe.clocks, *self.clocks)[:_CLOCKS]
        expires = probe.stages.certificate_expires or self.certificate_expires
        if probe.failure is not None:
            version, told = None, 0.0
        elif probe.version is not None:
            version, told = probe.version, probe.ended
        else:
            version, told = self.version, self.version_time
        return EndpointState(probe, version, told, probes, clocks, expires)


@dataclass(frozen=True)
class ClusterState:
    """What is known of one cluster."""

    cluster: Cluster
    refreshed: bool
    """Whether credentials were read and replicas listed once, or tried to."""
    failure: PollError | None
    """Why the last try to do so failed."""
    endpoints: Mapping[Endpoint, EndpointState]
    listed: int | None = None
    """Replicas in the latest list; None before there was one."""
    credential_expires: float | None = None
    """Of our client certificate, in Unix time."""

    @property
    def first_round_is_over(self) -> bool:
        """Whether every endpoint that could be found has been probed."""
        return self.refreshed and all(one.probe is not None for one in self.endpoints.values())

    def versions(self, *roles: Role) -> set[str]:
        """The versions that endpoints of these roles, else of all, run."""
        return {
            known.version
            for endpoint, known in self.endpoints.items()
            if known.version is not None and (not roles or endpoint.role in roles)
        }
