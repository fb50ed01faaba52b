"""What Prometheus gets: spelled out, as rules and dashboards are built on it."""

from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest

from exporters.cluster.collector import METRICS, ClusterCollector
from exporters.cluster.endpoint import Endpoint
from exporters.cluster.health import Health, Probe
from exporters.cluster.kubeconfig import Target
from exporters.cluster.settings import Cluster
from exporters.cluster.state import ClusterState, EndpointState
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
STATE = ClusterState(CLUSTER, refreshed=True, failure=None, endpoints={ADDRESS: UP, REPLICA: DOWN})


def series(*states: ClusterState) -> list[str]:
    registry = CollectorRegistry()
    registry.register(ClusterCollector(lambda: states))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def labelled(name: str, endpoint: str, role: str, **labels: str) -> str:
    every = {"cluster": "campus", "region": "tw-north", "zone": "a", "endpoint": endpoint, "role": role, **labels}
    pairs = ",".join(f'{label}="{value}"' for label, value in sorted(every.items()))
    return f"{name}{{{pairs}}}"


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
    assert [line for line in series(STATE) if "endpoint=" not in line] == [info, f"{up} 1.0"]
    failed = replace(STATE, failure=PollError(PollReason.UNAUTHORIZED, "HTTP status 403"), endpoints={})
    why = f'controlplane_discovery_failure_info{{{place[0]},reason="unauthorized",{place[1]}}} 1.0'
    assert series(failed) == [info, f"{up} 0.0", why]


def test_what_is_not_known_yet_is_absent_and_not_zero() -> None:
    early = ClusterState(CLUSTER, refreshed=False, failure=None, endpoints={ADDRESS: EndpointState()})
    assert [line.partition("{")[0] for line in series(early)] == ["controlplane_cluster_info"]


def test_where_the_settings_name_the_replicas_nothing_is_said_of_discovery() -> None:
    named = replace(STATE, cluster=replace(CLUSTER, endpoints=(REPLICA.url,)))
    assert not [line for line in series(named) if "discovery" in line]


def test_every_metric_of_control_planes_is_collected_and_says_where() -> None:
    assert set(METRICS) == {metric for metric in CATALOGUE.values() if metric.name.startswith("controlplane_")}
    assert all({"cluster", "region", "zone"} <= set(metric.labels) for metric in METRICS)
