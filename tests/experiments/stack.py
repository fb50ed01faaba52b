"""The stack in the laboratory, seen as an operator of the cluster sees it: its pods, and whether it is whole."""

import os
import signal
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster.installation import NAMESPACE, OVERLAY, install
from tests.cluster.laboratory import Laboratory
from tests.cluster.worker import Worker
from tests.experiments import stream

_PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
_OUTSIDE: Final[Mapping[str, Mapping[str, int]]] = {
    "campus": {"http": 9810, "gateway-1": 15020, "gateway-2": 15021, "gateway-3": 15022},
    "dingtalk-stand-in": {"http": 9811},
}
"""Dispensers and DingTalk stand outside of a cluster in the field: these Services' ports lead to this machine."""
_PAUSE: Final = "pause"
DOOR_PORT: Final = 30800
"""The routers', at every worker: the overlay's doors.yaml."""


@dataclass(frozen=True)
class Pod:
    """One pod of the stack."""

    name: str
    uid: str
    part: str
    """The part that it is a replica of, by its label app.kubernetes.io/name or CloudNativePG's."""
    node: str
    address: str
    ready: bool
    ending: bool
    restarts: int


@dataclass(frozen=True)
class Stack:
    """It runs."""

    laboratory: Laboratory
    _expected: Mapping[str, int] = field(default_factory=dict)
    """How many replicas each part has when all is well."""

    def pods(self, part: str = "") -> list[Pod]:
        """All pods of the stack, or of a part. Raises OSError while no API server answers."""
        items = self.laboratory.plane.entrance.ask("GET", _PODS, seconds=3).json()["items"]
        found = [_pod(item) for item in items if item["status"].get("phase") not in {"Succeeded", "Failed"}]
        return [one for one in found if part in {"", one.part}]

    def ready(self, part: str = "") -> list[Pod]:
        """The pods, of all parts or of one, that serve, on nodes that are not known to be dead."""
        alive = self.laboratory.ready_nodes()
        return [one for one in self.pods(part) if one.ready and not one.ending and one.node in alive]

    def parts(self) -> Mapping[str, int]:
        """How many replicas of each part serve."""
        return Counter(one.part for one in self.ready())

    def whole(self, parts: Collection[str] = ()) -> bool:
        """Whether as many replicas of these parts, or of every one, serve as when it was brought up."""
        now = self.parts()
        wanted = {part: count for part, count in self._expected.items() if not parts or part in parts}
        return all(now.get(part, 0) >= count for part, count in wanted.items())

    @property
    def door(self) -> Worker:
        """The worker at whose node port the probe outside comes in; no experiment breaks it alone."""
        return self.laboratory.workers[0]

    @property
    def probe_url(self) -> str:
        """A dispenser's probe, through the routers."""
        return f"http://{self.door.address}:{DOOR_PORT}/probe?target=campus:15020/1&module=default"

    def kill_process(self, pod: Pod) -> None:
        """End the containers' processes of a pod by SIGKILL: nothing is drained."""
        for process in _processes(pod.uid):
            os.kill(process, signal.SIGKILL)

    def worker(self, name: str) -> Worker:
        """The worker that is the node of this name."""
        return next(one for one in self.laboratory.workers if one.name == name)


def bring_up(laboratory: Laboratory, folder: Path) -> Stack:
    """The stack with the stream of alerts, whole; it ends with the laboratory. Raises TapwatchError."""
    install(laboratory, _overlay(laboratory, folder))
    return Stack(laboratory, Stack(laboratory).parts())


def _overlay(laboratory: Laboratory, folder: Path) -> Path:
    """The laboratory's overlay, but with dispensers and DingTalk on this machine, and with the stream's rules."""
    folder.mkdir()
    rules = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "stream", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "tapwatch"}},
        "spec": stream.RULES,
    }
    outside = [_endpoints(name, laboratory.plane.lan.address, ports) for name, ports in _OUTSIDE.items()]
    gone = "$patch: delete\nkind: any\nmetadata: {name: any}\n"
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(OVERLAY, folder), "more.yaml"],
        "patches": [
            {"target": {"kind": "Deployment", "name": "|".join(_OUTSIDE)}, "patch": gone},
            {
                "target": {"kind": "Service", "name": "|".join(_OUTSIDE)},
                "patch": yaml.safe_dump([{"op": "remove", "path": "/spec/selector"}]),
            },
        ],
    }
    (folder / "more.yaml").write_text(yaml.safe_dump_all([rules, *outside]), encoding="utf-8")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return folder


def _endpoints(name: str, address: str, ports: Mapping[str, int]) -> Mapping[str, object]:
    """Where a Service without a selector leads to."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": port_name, "port": port} for port_name, port in ports.items()],
    }


def _pod(item: Any) -> Pod:  # noqa: ANN401 - JSON
    metadata, status = item["metadata"], item["status"]
    labels = metadata.get("labels", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        part=labels.get("cnpg.io/cluster") or labels.get("app.kubernetes.io/name", ""),
        node=item["spec"].get("nodeName", ""),
        address=status.get("podIP", ""),
        ready=conditions.get("Ready") == "True",
        ending="deletionTimestamp" in metadata,
        restarts=sum(one["restartCount"] for one in status.get("containerStatuses", ())),
    )


def _processes(uid: str) -> Iterator[int]:
    """Those in the containers of a pod, by their control groups; not the one that holds its network."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            mine = f"pod{uid}" in (folder / "cgroup").read_text()
            name = (folder / "comm").read_text().strip()
        except OSError:  # it has ended meanwhile
            continue
        if mine and name != _PAUSE:
            yield int(folder.name)
