"""Every pod is as safe, and as hard to lose, as the design says."""

from collections.abc import Mapping
from typing import Any

import pytest

from tapwatch.web import DRAIN_SECONDS
from tests.contract.k8s.built import NAME, WORKLOADS, Built, Object, containers, pod_spec

pytestmark = pytest.mark.compiled

OPERATED = ("Prometheus", "Alertmanager")
CALLS_THE_API = {"tapwatch-cluster-exporter"}
"""Service accounts whose token is mounted."""
WRITES_ITS_ROOT = "tapwatch/writes-its-root"
"""The label of those whose image writes its settings at start: Zabbix' own."""


def _label(one: Object) -> str:
    return str(one["metadata"]["labels"][NAME])


def _count(workload: Object) -> int:
    """What is scaled says nothing, and has at least two."""
    return int(workload["spec"].get("replicas", 2))


def test_everything_is_in_the_overlay_s_namespace_or_says_why_not(built: Built) -> None:
    elsewhere = {
        one["metadata"]["namespace"]
        for one in built.objects
        if "namespace" in one["metadata"] and one["metadata"]["namespace"] != built.namespace
    }
    assert elsewhere == {"default", "kube-system", "kube-node-lease"}
    kinds = {one["kind"] for one in built.objects if one["metadata"].get("namespace") in elsewhere}
    assert kinds == {"Role", "RoleBinding"}


def test_the_namespace_enforces_the_strictest_pod_security(built: Built) -> None:
    (namespace,) = built.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_overlays_of_other_namespaces_share_nothing_but_priority_classes(all_built: Mapping[str, Built]) -> None:
    names: dict[str, set[tuple[str, str, str]]] = {}
    for name in ("dev", "staging", "production"):
        names[name] = {
            (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])
            for one in all_built[name].objects
            if one["kind"] != "PriorityClass"
        }
    assert not names["dev"] & names["staging"]
    assert not names["dev"] & names["production"]
    assert not names["staging"] & names["production"]


def test_every_container_is_restricted(built: Built) -> None:
    for workload in built.of(*WORKLOADS):
        pod = pod_spec(workload)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        for container in containers(workload):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            may_write = WRITES_ITS_ROOT in workload["metadata"]["labels"]
            assert context.get("readOnlyRootFilesystem", False) is not may_write
    for one in built.of(*OPERATED):
        assert one["spec"]["securityContext"]["runAsNonRoot"] is True
        assert one["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for one in built.of("Cluster"):
        assert one["spec"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_every_container_says_what_it_needs(built: Built) -> None:
    asked = [container["resources"] for workload in built.of(*WORKLOADS) for container in containers(workload)]
    asked += [one["spec"]["resources"] for one in built.of(*OPERATED, "Cluster")]
    for resources in asked:
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert set(resources["limits"]) == {"memory"}  # who is throttled misses scrapes


def test_every_container_is_probed_in_three_ways(built: Built) -> None:
    for workload in built.of(*WORKLOADS):
        for container in containers(workload):
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                action = container[probe]
                assert action.keys() & {"httpGet", "tcpSocket", "exec"}
                named = action.get("httpGet", action.get("tcpSocket"))
                assert named is None or named["port"] in {port["name"] for port in container["ports"]}


def test_our_own_processes_are_asked_whether_they_are_ready_and_healthy(built: Built) -> None:
    for workload in built.of(*WORKLOADS):
        for container in containers(workload):
            if container["image"].startswith("tapwatch:"):
                assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"
                assert container["livenessProbe"]["httpGet"]["path"] == "/-/healthy"


def test_a_pod_has_time_to_leave_and_to_answer_what_is_under_way(built: Built) -> None:
    for workload in built.of("Deployment"):
        pod = pod_spec(workload)
        slept = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > slept + DRAIN_SECONDS
        assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert workload["spec"]["minReadySeconds"] >= 15


def test_only_those_who_call_the_api_have_its_token(built: Built) -> None:
    for workload in built.of(*WORKLOADS):
        pod = pod_spec(workload)
        has_token = pod.get("automountServiceAccountToken", True)
        assert has_token is (pod.get("serviceAccountName") in CALLS_THE_API)


def test_everybody_has_a_priority_but_the_demonstration(built: Built) -> None:
    known = {one["metadata"]["name"] for one in built.of("PriorityClass")}
    for workload in built.of(*WORKLOADS):
        if _label(workload) not in {"campus", "dingtalk-stand-in"}:
            assert pod_spec(workload)["priorityClassName"] in known
    for one in built.of(*OPERATED, "Cluster"):
        assert one["spec"]["priorityClassName"] in known


def test_what_is_there_twice_is_spread_and_never_taken_away_at_once(built: Built) -> None:
    budgets = {_matched(one): one["spec"] for one in built.of("PodDisruptionBudget")}
    replicated = {_label(one) for one in built.of(*WORKLOADS, *OPERATED) if _count(one) > 1}
    assert set(budgets) == replicated
    for budget in budgets.values():
        assert budget["maxUnavailable"] == 1
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    both = {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    for workload in built.of(*WORKLOADS):
        assert {one["topologyKey"] for one in pod_spec(workload)["topologySpreadConstraints"]} == both
    for one in built.of(*OPERATED):
        assert {spread["topologyKey"] for spread in one["spec"]["topologySpreadConstraints"]} == both


def _matched(budget: Object) -> str:
    return str(budget["spec"]["selector"]["matchLabels"][NAME])


def test_images_are_pinned(built: Built) -> None:
    images = {container["image"] for workload in built.of(*WORKLOADS) for container in containers(workload)}
    images |= {one["spec"]["image"] for one in built.of(*OPERATED)}
    images |= {one["spec"]["imageName"] for one in built.of("Cluster")}
    for image in images:
        _, colon, tag = image.rpartition(":")
        assert colon
        assert any(character.isdigit() for character in tag)
    for one in built.of(*OPERATED):
        assert one["spec"]["image"].endswith(f":{one['spec']['version']}")


def test_services_lead_to_ports_that_pods_have(built: Built) -> None:
    ports = {_label(one): _port_names(one) for one in built.of(*WORKLOADS)}
    ports |= {_label(one): {"web"} for one in built.of(*OPERATED)}
    for service in built.of("Service"):
        selected = service["spec"]["selector"][NAME]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports[selected]


def _port_names(workload: Object) -> set[str]:
    return {port["name"] for container in containers(workload) for port in container.get("ports", ())}


def test_secrets_are_files_and_never_in_the_environment(built: Built) -> None:
    for workload in built.of(*WORKLOADS):
        for container in containers(workload):
            assert "envFrom" not in container
            assert not [one for one in container.get("env", ()) if "secretKeyRef" in one.get("valueFrom", {})]


def test_every_secret_is_used_and_every_used_one_is_there(built: Built) -> None:
    used = {name for workload in built.of(*WORKLOADS) for name in _mounted_secrets(pod_spec(workload))}
    for one in built.of("Alertmanager"):
        used |= {one["spec"]["configSecret"], *(volume["secret"]["secretName"] for volume in one["spec"]["volumes"])}
    for one in built.of("Cluster"):
        roles = one["spec"].get("managed", {}).get("roles", [])
        used |= {one["spec"]["bootstrap"]["initdb"]["secret"]["name"]} | {
            role["passwordSecret"]["name"] for role in roles
        }
    assert used == {one["metadata"]["name"] for one in built.of("Secret")}


def _mounted_secrets(pod: Mapping[str, Any]) -> set[str]:
    found = (
        {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        if "volumes" in pod
        else set()
    )
    for volume in pod.get("volumes", ()):
        for source in volume.get("projected", {}).get("sources", ()):
            found.add(source["secret"]["name"])
    return found


@pytest.mark.parametrize("name", ["gke", "ack"])
def test_a_provider_s_overlay_differs_from_production_only_where_the_provider_does(
    all_built: Mapping[str, Built], name: str
) -> None:
    production, provider = (_by_name(all_built[one]) for one in ("production", name))
    assert set(provider) - set(production) == {("NetworkPolicy", "dns-of-the-node")}
    assert not set(production) - set(provider)
    changed = {kind for (kind, one), found in production.items() if provider[(kind, one)] != found}
    assert changed <= {"Prometheus", "Alertmanager", "Cluster", "StatefulSet", "Ingress", "NetworkPolicy", "Service"}


def _by_name(built: Built) -> dict[tuple[str, str], Object]:
    """Roles stand in several namespaces, but under names of their own. Secrets are each overlay's own random words."""
    return {(one["kind"], one["metadata"]["name"]): one for one in built.objects}
