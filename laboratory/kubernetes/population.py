"""Nodes and pods by the thousand, written into etcd as API servers store them.

Through the API a pod takes two requests and 9 ms of an API server's processor time, 20,000 pods minutes. API servers
read what they store as JSON as well as in their usual form, and notice what others write as they notice each other's.
"""

import base64
import http.client
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from laboratory.kubernetes import objects
from laboratory.kubernetes.objects import Object
from laboratory.kubernetes.plane import HighlyAvailable
from tapwatch.errors import TapwatchError

_OPERATIONS = 64
"""Of one transaction: etcd takes 128, and 1.5 MiB."""
_FOLDERS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "Node": "minions",
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "Pod": "pods",
}
"""Where API servers keep the objects of a kind, below /registry/."""


@dataclass(frozen=True)
class Population:
    """How much there is of what; the pods are spread over the nodes in turn."""

    name: str
    """Begins the names of nodes and namespaces: a garbage collector remembers what it saw vanish, and with it all that
    comes back by the same name, and so with the same UID."""
    nodes: int = 1_000
    deployments: int = 500
    replicas: int = 40
    """Pods of each Deployment."""
    namespaces: int = 20

    @property
    def pods(self) -> int:
        """In all."""
        return self.deployments * self.replicas

    def node_name(self, number: int) -> str:
        """Of one of the nodes."""
        return f"{self.name}-node-{number:04}"

    def objects(self) -> Iterator[Object]:
        """Every object, in an order in which none names a later one."""
        names = [f"{self.name}-{number:02}" for number in range(self.namespaces)]
        for name in names:
            yield objects.namespace(name)
            yield objects.service_account(name)
        for number in range(self.nodes):
            yield objects.node(self.node_name(number), number)
        pod = itertools.count()
        for number in range(self.deployments):
            deployment = objects.deployment(names[number % len(names)], f"app-{number:03}", self.replicas)
            replica_set = objects.replica_set(deployment)
            yield from (deployment, replica_set)
            for one in itertools.islice(pod, self.replicas):
                yield objects.pod(replica_set, one, self.node_name(one % self.nodes))


@contextmanager
def populated(plane: HighlyAvailable, population: Population) -> Iterator[None]:
    """A control plane with all of it; it is gone at the end.

    No controller runs meanwhile: one that hears of a ReplicaSet before it hears of its pods would make others.
    """
    with _without_controllers(plane), plane.asking_etcd(plane.masters[0]) as etcd:
        populate(population, etcd)
    try:
        yield
    finally:
        with _without_controllers(plane), plane.asking_etcd(plane.masters[0]) as etcd:
            _remove(population, etcd)


def populate(population: Population, etcd: http.client.HTTPConnection) -> None:
    """Write all of it, over what is there; raises as `put`."""
    put(population.objects(), etcd)


def put(content: Iterable[Object], etcd: http.client.HTTPConnection) -> None:
    """Write objects, over what is there: to API servers they have changed, even when they look the same.

    Raises TapwatchError when etcd refuses, OSError when it cannot be asked.
    """
    _transact(etcd, ({"request_put": {"key": _key(one), "value": _data(json.dumps(one))}} for one in content))


def _remove(population: Population, etcd: http.client.HTTPConnection) -> None:
    """Delete all of it, at once and without any finalizer; raises as `put`."""
    _transact(etcd, ({"request_delete_range": {"key": _key(one)}} for one in population.objects()))


@contextmanager
def _without_controllers(plane: HighlyAvailable) -> Iterator[None]:
    for master in plane.masters:
        master.controller_manager.kill()
    try:
        yield
    finally:
        for master in plane.masters:
            master.controller_manager.start()


def _transact(etcd: http.client.HTTPConnection, operations: Iterator[Mapping[str, object]]) -> None:
    while batch := list(itertools.islice(operations, _OPERATIONS)):
        etcd.request("POST", "/v3/kv/txn", json.dumps({"success": batch}))
        answer = etcd.getresponse()
        body = answer.read().decode()
        if answer.status != http.client.OK or not json.loads(body).get("succeeded"):
            raise TapwatchError(f"etcd answered {answer.status}: {body}")


def _key(content: Object) -> str:
    metadata = content["metadata"]
    place = filter(None, (metadata.get("namespace"), metadata["name"]))
    return _data("/".join(["/registry", _FOLDERS[content["kind"]], *place]))


def _data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
