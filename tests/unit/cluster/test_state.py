"""What is known of an endpoint, probe after probe."""

from dataclasses import replace

from exporters.cluster.endpoint import Endpoint
from exporters.cluster.health import Health, Probe
from exporters.cluster.kubeconfig import Target
from exporters.cluster.settings import Cluster
from exporters.cluster.state import VERSION_SECONDS, ClusterState, EndpointState
from tapwatch.errors import PollError, PollReason

REFUSED = PollError(PollReason.CONNECT, "Connection refused")


def good(ended: float, version: str | None = None) -> Probe:
    return Probe((Health("/livez", 0.01, {}), Health("/readyz", 0.01, {})), ended, version)


def bad(ended: float) -> Probe:
    return Probe((Health("/livez", 0.0, {}), Health("/readyz", 0.0, {}, REFUSED)), ended)


def test_probes_are_counted_by_path_and_result() -> None:
    state = EndpointState().after(good(0)).after(bad(5)).after(good(10))
    assert state.probes == {("/livez", "ok"): 3, ("/readyz", "ok"): 2, ("/readyz", "connect"): 1}


def test_a_state_is_never_changed() -> None:
    first = EndpointState().after(good(0))
    first.after(bad(5))
    assert first.probes == {("/livez", "ok"): 1, ("/readyz", "ok"): 1}


def test_the_version_is_asked_for_at_first_and_then_once_a_minute() -> None:
    assert EndpointState().wants_version(0)
    told = EndpointState().after(good(100, "v1.37.0"))
    assert not told.wants_version(100 + VERSION_SECONDS - 1)
    assert told.wants_version(100 + VERSION_SECONDS)


def test_the_version_is_kept_between_and_forgotten_when_the_server_fails() -> None:
    told = EndpointState().after(good(100, "v1.37.0")).after(good(105))
    assert (told.version, told.version_time) == ("v1.37.0", 100)
    assert told.after(bad(110)).version is None


def test_the_first_round_is_over_when_every_endpoint_was_probed() -> None:
    cluster = Cluster("campus", Target((), "in-cluster", "in-cluster", "https://10.96.0.1:443"))
    one, other = Endpoint("https://a:6443", "replica"), Endpoint("https://b:6443", "replica")
    seen, unseen = EndpointState(good(0)), EndpointState()
    before = ClusterState(cluster, refreshed=False, failure=None, endpoints={})
    assert not before.first_round_is_over
    half = replace(before, refreshed=True, endpoints={one: seen, other: unseen})
    assert not half.first_round_is_over
    whole = replace(half, failure=REFUSED, endpoints={one: seen, other: EndpointState(bad(0))})
    assert whole.first_round_is_over
