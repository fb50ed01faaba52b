"""What Prometheus gets: spelled out, as rules and dashboards are built on it."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from exporters.cluster.clock import Offset
from exporters.cluster.connection import Stages
from exporters.cluster.endpoint import Endpoint
from exporters.cluster.exposition import METRICS, render
from exporters.cluster.health import Health, Probe
from exporters.cluster.kubeconfig import Target
from exporters.cluster.report import samples
from exporters.cluster.sample import Sample
from exporters.cluster.settings import Cluster
from exporters.cluster.state import ClusterState, EndpointState
from tapwatch import catalogue
from tapwatch.catalogue import CATALOGUE
from tapwatch.errors import PollError, PollReason

CLUSTER = Cluster(
    "campus", Target((), "admin", "campus", "https://10.0.0.10:6443"), None, "tw-north", "a", "on-premises"
)
ADDRESS = Endpoint("https://10.0.0.10:6443", "address")
REPLICA = Endpoint("https://10.0.0.11:6443", "replica")
UP = EndpointState().after(
    Probe(
        (Health("/livez", 0.25, {"ping": True}), Health("/readyz", 0.5, {"ping": True, "etcd": True})), 100.0, "v1.37.0"
    )
)
DOWN = EndpointState().after(
    Probe(
        (
            Health("/livez", 0.25, {"ping": True}),
            Health("/readyz", 0.5, {"etcd": False}, PollError(PollReason.UNHEALTHY, "/readyz answered 500")),
        ),
        100.0,
    )
)
STATE = ClusterState(CLUSTER, refreshed=True, failure=None, endpoints={ADDRESS: UP, REPLICA: DOWN}, listed=1)


_LABELS = st.text(st.sampled_from('{}\\"\n%,= aä水'))
"""What the format, or Python's, treats in its own way."""


def exposed(*states: ClusterState) -> str:
    return render((state.cluster, samples(state)) for state in states).decode()


def series(*states: ClusterState) -> list[str]:
    """Every series as prometheus-client reads it, its labels sorted."""
    return [
        f"{sample.name}{{{pairs(sample.labels)}}} {floatToGoString(sample.value)}"  # type: ignore[no-untyped-call]
        for family in text_string_to_metric_families(exposed(*states))
        for sample in family.samples
    ]


def pairs(labels: Mapping[str, str]) -> str:
    return ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))


def labelled(name: str, endpoint: str, role: str, **labels: str) -> str:
    every = {"cluster": "campus", "region": "tw-north", "zone": "a", "endpoint": endpoint, "role": role, **labels}
    return f"{name}{{{pairs(every)}}}"


def test_an_endpoint_that_is_up_is_described() -> None:
    found = [line for line in series(STATE) if 'role="address"' in line]
    url, role = ADDRESS.url, "address"
    assert found == [
        labelled("controlplane_endpoint_up", url, role) + " 1.0",
        labelled("controlplane_health", url, role, path="/livez") + " 1.0",
        labelled("controlplane_health", url, role, path="/readyz") + " 1.0",
        labelled("controlplane_check_up", url, role, path="/livez", check="ping") + " 1.0",
        labelled("controlplane_check_up", url, role, path="/readyz", check="ping") + " 1.0",
        labelled("controlplane_check_up", url, role, path="/readyz", check="etcd") + " 1.0",
        labelled("controlplane_probe_duration_seconds", url, role, path="/livez") + " 0.25",
        labelled("controlplane_probe_duration_seconds", url, role, path="/readyz") + " 0.5",
        labelled("controlplane_probes_total", url, role, path="/livez", result="ok") + " 1.0",
        labelled("controlplane_probes_total", url, role, path="/readyz", result="ok") + " 1.0",
        labelled("controlplane_last_probe_timestamp_seconds", url, role) + " 100.0",
        labelled("controlplane_version_info", url, role, git_version="v1.37.0") + " 1.0",
    ]


def test_an_endpoint_that_is_down_says_why() -> None:
    found = [line for line in series(STATE) if 'role="replica"' in line]
    url, role = REPLICA.url, "replica"
    assert found == [
        labelled("controlplane_endpoint_up", url, role) + " 0.0",
        labelled("controlplane_endpoint_failure_info", url, role, reason="unhealthy") + " 1.0",
        labelled("controlplane_health", url, role, path="/livez") + " 1.0",
        labelled("controlplane_health", url, role, path="/readyz") + " 0.0",
        labelled("controlplane_check_up", url, role, path="/livez", check="ping") + " 1.0",
        labelled("controlplane_check_up", url, role, path="/readyz", check="etcd") + " 0.0",
        labelled("controlplane_probe_duration_seconds", url, role, path="/livez") + " 0.25",
        labelled("controlplane_probe_duration_seconds", url, role, path="/readyz") + " 0.5",
        labelled("controlplane_probes_total", url, role, path="/livez", result="ok") + " 1.0",
        labelled("controlplane_probes_total", url, role, path="/readyz", result="unhealthy") + " 1.0",
        labelled("controlplane_last_probe_timestamp_seconds", url, role) + " 100.0",
    ]


def test_a_cluster_is_described_and_its_discovery_told() -> None:
    place = 'cluster="campus"', 'region="tw-north",zone="a"'
    info = f'controlplane_cluster_info{{{place[0]},provider="on-premises",{place[1]}}} 1.0'
    up = f"controlplane_discovery_up{{{place[0]},{place[1]}}}"
    told = [
        f'controlplane_version_skew{{{place[0]},component="kube-apiserver",{place[1]}}} 0.0',
        f'controlplane_replicas{{{place[0]},region="tw-north",source="listed",zone="a"}} 1.0',
        f'controlplane_replicas{{{place[0]},region="tw-north",source="up",zone="a"}} 0.0',
        f'controlplane_address_disagreement{{about="health",{place[0]},{place[1]}}} 1.0',
    ]
    assert [line for line in series(STATE) if "endpoint=" not in line] == [info, f"{up} 1.0", *told]
    failed = replace(STATE, failure=PollError(PollReason.FORBIDDEN, "HTTP status 403"), endpoints={}, listed=None)
    why = f'controlplane_discovery_failure_info{{{place[0]},reason="forbidden",{place[1]}}} 1.0'
    assert series(failed) == [info, f"{up} 0.0", why]


def test_the_way_to_an_endpoint_its_certificate_and_its_clock_are_told() -> None:
    url, role = ADDRESS.url, "address"
    probe = Probe(
        (Health("/livez", 0.25, {}), Health("/readyz", 0.5, {})),
        100.0,
        stages=Stages(dns=0.125, connect=0.25, tls=0.5, certificate_expires=2e9),
        clocks=(Offset(-1.0, 2.0), Offset(0.0, 3.0)),
    )
    found = series(replace(STATE, endpoints={ADDRESS: EndpointState().after(probe)}, credential_expires=1e9))
    expected = [
        labelled("controlplane_connection_duration_seconds", url, role, stage="dns") + " 0.125",
        labelled("controlplane_connection_duration_seconds", url, role, stage="connect") + " 0.25",
        labelled("controlplane_connection_duration_seconds", url, role, stage="tls") + " 0.5",
        labelled("controlplane_certificate_expiry_timestamp_seconds", url, role) + " 2e+09",
        'controlplane_credential_expiry_timestamp_seconds{cluster="campus",region="tw-north",zone="a"} 1e+09',
        labelled("controlplane_clock_skew_seconds", url, role) + " 1.0",
    ]
    assert set(expected) <= set(found)


def test_an_address_that_leads_to_another_version_disagrees() -> None:
    old = EndpointState().after(Probe((Health("/livez", 0.25, {}), Health("/readyz", 0.5, {})), 100.0, "v1.35.2"))
    found = series(replace(STATE, endpoints={ADDRESS: UP, REPLICA: old}))
    place = 'cluster="campus",region="tw-north",zone="a"'
    assert f'controlplane_address_disagreement{{about="health",{place}}} 0.0' in found
    assert f'controlplane_address_disagreement{{about="version",{place}}} 1.0' in found
    assert (
        'controlplane_version_skew{cluster="campus",component="kube-apiserver",region="tw-north",zone="a"} 2.0' in found
    )


def test_what_is_not_known_yet_is_absent_and_not_zero() -> None:
    early = ClusterState(CLUSTER, refreshed=False, failure=None, endpoints={ADDRESS: EndpointState()})
    assert [line.partition("{")[0] for line in series(early)] == ["controlplane_cluster_info"]


def test_where_the_settings_name_the_replicas_nothing_is_said_of_discovery() -> None:
    named = replace(STATE, cluster=replace(CLUSTER, endpoints=(REPLICA.url,)))
    assert not [line for line in series(named) if "discovery" in line]


def test_every_metric_of_control_planes_is_collected_and_says_where() -> None:
    assert set(METRICS) == {metric for metric in CATALOGUE.values() if metric.name.startswith("controlplane_")}
    assert all(metric.labels[:3] == ("cluster", "region", "zone") for metric in METRICS)


@given(_LABELS, _LABELS, st.floats(allow_nan=False, width=32))
def test_any_label_and_number_is_read_back_by_prometheus_own_client(one: str, other: str, value: float) -> None:
    cluster = replace(CLUSTER, name=other)
    text = render([(cluster, [Sample(catalogue.CONTROLPLANE_NODE, ("node", one, other), value)])]).decode()
    (sample,) = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    labels = {"cluster": other, "region": "tw-north", "zone": "a", "node": "node", "node_zone": one}
    assert sample.labels == {**labels, "kubelet_version": other}
    assert sample.value == value


def test_every_metric_has_its_help_and_type() -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposed())}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert (family.documentation, family.type) == (metric.help, metric.type)
