"""The objects of a populated cluster as API servers store them, with the fields and the size of real ones."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

Object = dict[str, Any]

ZONES = ("zone-a", "zone-b")
CREATED = "2026-01-01T00:00:00Z"
TEMPLATE = "6d8f7c9b54"
"""What a Deployment's controller adds to the name of a ReplicaSet, for the template of its pods."""


def node(name: str, number: int) -> Object:
    """A worker that is ready, in one of the zones in turn; kwok renews its lease."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "tw-north",
        "topology.kubernetes.io/zone": ZONES[number % len(ZONES)],
        "node.kubernetes.io/instance-type": "m5.xlarge",
    }
    size = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    images = [
        {"names": [f"registry.example/{one}@sha256:{one:064d}", f"registry.example/{one}:1"], "sizeBytes": 50_000_000}
        for one in range(20)
    ]
    spec = {"podCIDR": f"10.{number >> 8 & 255}.{number & 255}.0/24"}
    return _stored(
        {"apiVersion": "v1", "kind": "Node"},
        {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        spec,
        {
            "capacity": size,
            "allocatable": size,
            "conditions": [_heartbeat("Ready", "True"), *(_heartbeat(kind, "False") for kind in _PRESSURES)],
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "images": images,
            "nodeInfo": {
                "machineID": f"{number:032x}",
                "systemUUID": f"{number:032x}",
                "bootID": f"{number:032x}",
                "kernelVersion": "6.1.0-40-amd64",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://2.4.2",
                "kubeletVersion": "v1.37.0",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    )


def namespace(name: str) -> Object:
    """An active one."""
    return _stored({"apiVersion": "v1", "kind": "Namespace"}, {"name": name}, {}, {"phase": "Active"})


def service_account(namespace_name: str) -> Object:
    """The one that pods have when they name none."""
    return _stored({"apiVersion": "v1", "kind": "ServiceAccount"}, {"name": "default", "namespace": namespace_name})


def deployment(namespace_name: str, app: str, replicas: int) -> Object:
    """Rolled out."""
    counts = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas}
    conditions = [
        _condition("Available", "MinimumReplicasAvailable"),
        _condition("Progressing", "NewReplicaSetAvailable"),
    ]
    status = {"observedGeneration": 1, **counts, "availableReplicas": replicas, "conditions": conditions}
    metadata = _metadata(namespace_name, app, {"app": app})
    revision = {"annotations": {"deployment.kubernetes.io/revision": "1"}}
    return _stored(_DEPLOYMENT, metadata | revision, _replicas(replicas, {"app": app}), status)


def replica_set(owner: Object) -> Object:
    """The only one of a Deployment; its pods are ready."""
    namespace_name, app, replicas = owner["metadata"]["namespace"], owner["metadata"]["name"], owner["spec"]["replicas"]
    counts = {"replicas": replicas, "fullyLabeledReplicas": replicas, "readyReplicas": replicas}
    labels = {"app": app, "pod-template-hash": TEMPLATE}
    metadata = _metadata(namespace_name, f"{app}-{TEMPLATE}", labels, owner)
    status = {"observedGeneration": 1, **counts, "availableReplicas": replicas}
    return _stored(_REPLICA_SET, metadata, _replicas(replicas, labels), status)


def pod(owner: Object, number: int, node_name: str) -> Object:
    """Of a ReplicaSet, running and ready on a node; one in twenty has run out of memory, some more than once."""
    metadata, labels = owner["metadata"], owner["metadata"]["labels"]
    restarts = number // 20 % 5 if number % 20 == 0 else 0
    ended = {"exitCode": 137, "reason": "OOMKilled", "startedAt": CREATED, "finishedAt": CREATED}
    containers = [
        {
            "name": name,
            "image": f"registry.example/{name}:1",
            "imageID": f"registry.example/{name}@sha256:{1:064d}",
            "containerID": f"containerd://{number:064x}",
            "ready": True,
            "started": True,
            "restartCount": restarts,
            "state": {"running": {"startedAt": CREATED}},
            "lastState": {"terminated": ended} if restarts else {},
        }
        for name in _CONTAINERS
    ]
    ready = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    address = f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    status = {
        "phase": "Running",
        "startTime": CREATED,
        "hostIP": "10.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "qosClass": "Burstable",
        "conditions": [_condition(kind) for kind in ready],
        "containerStatuses": containers,
    }
    own = _metadata(metadata["namespace"], f"{metadata['name']}-{number:05}", labels, owner)
    spec = {**_template(labels)["spec"], "nodeName": node_name}
    return _stored({"apiVersion": "v1", "kind": "Pod"}, own, spec, status)


def _template(labels: Object) -> Object:
    """A service with a proxy beside it, each with probes, limits and a few settings."""
    probe = {"httpGet": {"path": "/-/healthy", "port": 8080}, "periodSeconds": 10}
    containers = [
        {
            "name": name,
            "image": f"registry.example/{name}:1",
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": f"SETTING_{number}", "value": f"value-{number}"} for number in range(8)],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "livenessProbe": probe,
            "readinessProbe": probe,
            "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}],
        }
        for name in _CONTAINERS
    ]
    volumes = [{"name": "settings", "configMap": {"name": labels["app"]}}]
    return {"metadata": {"labels": labels}, "spec": {"containers": containers, "volumes": volumes}}


_CONTAINERS = ("service", "proxy")
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
_DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
_REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet"}


def _stored(kind: Object, metadata: Object, spec: Object | None = None, status: Object | None = None) -> Object:
    """With what an API server adds: who wrote which field is a good part of an object's size."""
    parts = {name: part for name, part in (("spec", spec), ("status", status)) if part is not None}
    place = f"{kind['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    managed = [
        {
            "manager": "tests",
            "operation": "Update",
            "apiVersion": kind["apiVersion"],
            "time": CREATED,
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields({name: part}),
        }
        for name, part in parts.items()
    ]
    own = {"uid": str(uuid5(NAMESPACE_URL, place)), "creationTimestamp": CREATED, "generation": 1}
    return {**kind, "metadata": {**metadata, **own, "managedFields": managed}, **parts}


def _fields(value: Any) -> Object:  # noqa: ANN401 - JSON
    """The names of all fields below, as `managedFields` has them."""
    if isinstance(value, dict):
        return {f"f:{name}": _fields(one) for name, one in value.items()}
    if isinstance(value, list):
        named = [one for one in value if isinstance(one, dict) and "name" in one]
        return {f'k:{{"name":"{one["name"]}"}}': {".": {}, **_fields(one)} for one in named}
    return {}


def _metadata(namespace_name: str, name: str, labels: Object, owner: Object | None = None) -> Object:
    metadata = {"name": name, "namespace": namespace_name, "labels": labels}
    if owner is None:
        return metadata
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
    of = {key: owner["metadata"][key] for key in ("name", "uid")}
    return {**metadata, "ownerReferences": [{**reference, **of}]}


def _replicas(replicas: int, labels: Object) -> Object:
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": _template(labels)}


def _condition(kind: str, reason: str = "AsTold", status: str = "True") -> Object:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": CREATED}


def _heartbeat(kind: str, status: str) -> Object:
    """A condition that a kubelet keeps true."""
    return {**_condition(kind, status=status), "lastHeartbeatTime": CREATED}
