"""Objects written through a real API server, as controllers, kubelets and people write them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import exporters.cluster
from laboratory.kubernetes.apiserver import Answer
from laboratory.kubernetes.controlplane import ControlPlane

RBAC = Path(exporters.cluster.__file__).parent / "rbac.yaml"
_PLACES = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}


def ask(plane: ControlPlane, method: str, path: str, content: Mapping[str, Any] | None = None) -> Answer:
    """One request as the administrator that succeeds, or is answered that the object is already there."""
    answer = plane.replicas[0].ask(method, path, content)
    assert answer.status in {200, 201, 409}, f"{method} {path}: {answer.status} {answer.text}"
    return answer


def create(plane: ControlPlane, path: str, content: Mapping[str, Any], status: Mapping[str, Any] | None = None) -> None:
    """Create an object in the collection at `path`, and then its status, as a controller would write it."""
    created = ask(plane, "POST", path, content).json()
    if status is not None:
        place = f"{path}/{content['metadata']['name']}/status"
        ask(plane, "PUT", place, {**created, "status": status})


def change(plane: ControlPlane, path: str, content: Mapping[str, Any], *, status: bool = False) -> None:
    """Put other values into the object at `path`, or into its status."""
    now = ask(plane, "GET", path).json()
    part = "status" if status else "spec"
    ask(plane, "PUT", f"{path}/status" if status else path, {**now, part: {**now.get(part, {}), **content}})


def delete(plane: ControlPlane, path: str) -> None:
    """Delete the object at `path`, at once."""
    ask(plane, "DELETE", f"{path}?gracePeriodSeconds=0")


def grant_our_rights(plane: ControlPlane, namespace: str, account: str) -> None:
    """Apply rbac.yaml, with its service account replaced by this one."""
    for one in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")):
        for subject in one.get("subjects", ()):
            subject.update(namespace=namespace, name=account)
        ask(plane, "POST", _PLACES[one["kind"]].format(one["metadata"].get("namespace")), one)
