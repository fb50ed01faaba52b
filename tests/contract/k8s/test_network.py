"""Who may speak to whom: nobody, but where both ends say so and something listens."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from tests.contract.k8s.built import NAME, WORKLOADS, Built, Object, containers

pytestmark = pytest.mark.compiled

CNPG = "cnpg.io/cluster"
OPERATED = {
    "prometheus": {("TCP", 9090), ("TCP", 8080)},
    "alertmanager": {("TCP", 9093), ("TCP", 9094), ("UDP", 9094), ("TCP", 8080)},
}
POSTGRESQL = {("TCP", 5432), ("TCP", 8000), ("TCP", 9187)}
"""What the operators' pods listen on: the operators make them, so no object here says so."""

Port = tuple[str, int]


class Edge(NamedTuple):
    """One part may open a connection to another."""

    source: str
    target: str
    port: Port


def _listening(built: Built) -> dict[str, set[Port]]:
    """By part the ports that its containers have."""
    found = {name: ports for name, ports in OPERATED.items() if built.of(name.capitalize())}
    for workload in built.of(*WORKLOADS):
        ports = {("TCP", port["containerPort"]) for one in containers(workload) for port in one.get("ports", ())}
        found[workload["metadata"]["labels"][NAME]] = ports
    return found | ({"postgresql": POSTGRESQL} if built.of("Cluster") else {})


def _selected(selector: Mapping[str, Any], parts: set[str]) -> set[str]:
    """The parts that a selector for pods means."""
    if not selector:
        return parts
    labels = selector.get("matchLabels", {})
    if CNPG in labels:
        return {"postgresql"} & parts
    if NAME in labels:
        return {labels[NAME]} & parts
    (expression,) = selector["matchExpressions"]
    assert (expression["key"], expression["operator"]) == (NAME, "In")
    return set(expression["values"]) & parts


def _ports(rule: Mapping[str, Any]) -> Iterator[Port]:
    for port in rule["ports"]:  # a rule without ports would open all of them
        for number in range(port["port"], port.get("endPort", port["port"]) + 1):
            yield port.get("protocol", "TCP"), number


def _edges(built: Built, direction: str, peers: str) -> set[Edge]:
    """Those between parts of this namespace that the rules of one direction allow."""
    parts = set(_listening(built))
    found = set()
    for policy in built.of("NetworkPolicy"):
        for rule in policy["spec"].get(direction, ()):
            others = [peer for peer in rule[peers] if "podSelector" in peer and "namespaceSelector" not in peer]
            for own in _selected(policy["spec"]["podSelector"], parts):
                for other in {name for peer in others for name in _selected(peer["podSelector"], parts)}:
                    source, target = (other, own) if direction == "ingress" else (own, other)
                    found |= {Edge(source, target, port) for port in _ports(rule)}
    return found


def test_nothing_is_open_by_itself(built: Built) -> None:
    policy = built.one("NetworkPolicy", "default-deny")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_policy_covers_the_directions_that_it_has_rules_for(built: Built) -> None:
    for policy in built.of("NetworkPolicy"):
        spec = policy["spec"]
        assert {one.lower() for one in spec["policyTypes"]} >= spec.keys() & {"ingress", "egress"}


def test_every_opening_leads_to_a_port_that_a_container_listens_on(built: Built) -> None:
    listening = _listening(built)
    for edge in _edges(built, "ingress", "from") | _edges(built, "egress", "to"):
        assert edge.port in listening[edge.target], edge
    for policy in built.of("NetworkPolicy"):
        own = _selected(policy["spec"]["podSelector"], set(listening))
        for rule in policy["spec"].get("ingress", ()):
            assert all(port in listening[name] for name in own for port in _ports(rule)), policy["metadata"]["name"]


def test_both_ends_of_a_connection_allow_it(built: Built) -> None:
    assert _edges(built, "ingress", "from") == _edges(built, "egress", "to")


def test_scraped_pods_are_open_to_prometheus(built: Built) -> None:
    edges = _edges(built, "ingress", "from")
    listening = _listening(built)
    scraped = {name: port for name, port in _scraped(built).items() if name in listening}
    assert len(scraped) >= 5
    for name, port in scraped.items():
        assert Edge("prometheus", name, ("TCP", port)) in edges


def _scraped(built: Built) -> dict[str, int]:
    """By part the number of the port that a PodMonitor names."""
    numbers = {"prometheus": 9090, "alertmanager": 9093}
    for workload in built.of(*WORKLOADS):
        for one in containers(workload):
            for port in one.get("ports", ()):
                if port["name"] == "http":
                    numbers[workload["metadata"]["labels"][NAME]] = port["containerPort"]
    monitors = [one["spec"]["selector"] for one in built.of("PodMonitor")]
    names = {name for selector in monitors for name in _selected(selector, set(numbers))}
    return {name: numbers[name] for name in names}


def test_what_leads_out_of_the_cluster_names_addresses_and_ports(built: Built) -> None:
    for policy, rule in _rules(built, "egress"):
        assert rule["to"], policy
        assert rule["ports"], policy


def _rules(built: Built, direction: str) -> Iterator[tuple[str, Object]]:
    for policy in built.of("NetworkPolicy"):
        for rule in policy["spec"].get(direction, ()):
            yield policy["metadata"]["name"], rule
