"""What is known of a cluster's endpoints, as samples."""

from collections.abc import Iterator

from exporters.cluster.clock import common_offset
from exporters.cluster.endpoint import Role
from exporters.cluster.health import Health
from exporters.cluster.sample import Sample
from exporters.cluster.state import ClusterState, EndpointState
from exporters.cluster.version import skew
from tapwatch import catalogue


def samples(state: ClusterState) -> Iterator[Sample]:
    """Every sample of the endpoints of one cluster."""
    yield Sample(catalogue.CONTROLPLANE_CLUSTER, (state.cluster.provider,), 1)
    if state.refreshed and state.cluster.endpoints is None:
        yield Sample(catalogue.CONTROLPLANE_DISCOVERY_UP, (), float(state.failure is None))
        if state.failure is not None:
            yield Sample(catalogue.CONTROLPLANE_DISCOVERY_FAILURE, (state.failure.reason,), 1)
    if state.credential_expires is not None:
        yield Sample(catalogue.CONTROLPLANE_CREDENTIAL_EXPIRY, (), state.credential_expires)
    for endpoint, known in state.endpoints.items():
        yield from _endpoint_samples((endpoint.url, endpoint.role), known)
    yield from _replica_samples(state)
    yield from _disagreements(state)


def _endpoint_samples(labels: tuple[str, ...], known: EndpointState) -> Iterator[Sample]:
    """Nothing before the first probe has ended: not known is neither up nor down."""
    if known.probe is None:
        return
    failure = known.probe.failure
    yield Sample(catalogue.CONTROLPLANE_ENDPOINT_UP, labels, float(failure is None))
    if failure is not None:
        yield Sample(catalogue.CONTROLPLANE_ENDPOINT_FAILURE, (*labels, failure.reason), 1)
    yield Sample(catalogue.CONTROLPLANE_LAST_PROBE, labels, known.probe.ended)
    if known.version is not None:
        yield Sample(catalogue.CONTROLPLANE_VERSION, (*labels, known.version), 1)
    for (path, result), count in known.probes.items():
        yield Sample(catalogue.CONTROLPLANE_PROBES, (*labels, path, result), count)
    for answer in known.probe.answers:
        yield from _path_samples(labels, answer)
    yield from _connection_samples(labels, known)


def _path_samples(labels: tuple[str, ...], answer: Health) -> Iterator[Sample]:
    yield Sample(catalogue.CONTROLPLANE_HEALTH, (*labels, answer.path), float(answer.failure is None))
    yield Sample(catalogue.CONTROLPLANE_PROBE_SECONDS, (*labels, answer.path), answer.seconds)
    for check, passed in answer.checks.items():
        yield Sample(catalogue.CONTROLPLANE_CHECK, (*labels, answer.path, check), float(passed))


def _connection_samples(labels: tuple[str, ...], known: EndpointState) -> Iterator[Sample]:
    stages = known.probe.stages if known.probe is not None else None
    for stage in ("dns", "connect", "tls"):
        seconds: float | None = getattr(stages, stage, None)
        if seconds is not None:
            yield Sample(catalogue.CONTROLPLANE_STAGE_SECONDS, (*labels, stage), seconds)
    if known.certificate_expires is not None:
        yield Sample(catalogue.CONTROLPLANE_CERTIFICATE_EXPIRY, labels, known.certificate_expires)
    offset = common_offset(known.clocks) if known.probe is not None and known.probe.clocks else None
    if offset is not None:
        yield Sample(catalogue.CONTROLPLANE_CLOCK_SKEW, labels, offset.middle)


def _replica_samples(state: ClusterState) -> Iterator[Sample]:
    if state.listed is not None:
        yield Sample(catalogue.CONTROLPLANE_REPLICAS, ("listed",), state.listed)
    up = _up(state, "replica")
    if up:
        yield Sample(catalogue.CONTROLPLANE_REPLICAS, ("up",), sum(up))
    versions = state.versions()
    between = skew(versions, versions)
    if between is not None:
        yield Sample(catalogue.CONTROLPLANE_VERSION_SKEW, ("kube-apiserver",), between)


def _disagreements(state: ClusterState) -> Iterator[Sample]:
    """Between the address and the replicas, once both were probed."""
    address, replicas = _up(state, "address"), _up(state, "replica")
    if address and replicas:
        yield Sample(catalogue.CONTROLPLANE_DISAGREEMENT, ("health",), float(any(address) != any(replicas)))
    told, known = state.versions("address"), state.versions("replica")
    if told and known:
        yield Sample(catalogue.CONTROLPLANE_DISAGREEMENT, ("version",), float(not told <= known))


def _up(state: ClusterState, role: Role) -> list[bool]:
    """Of every endpoint of this role that was probed."""
    known = [one for endpoint, one in state.endpoints.items() if endpoint.role == role]
    return [one.probe.failure is None for one in known if one.probe is not None]
