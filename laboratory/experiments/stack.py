"""The stack in the laboratory, seen as an operator of the cluster sees it: its pods, and whether it is whole."""

import os
import signal
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from typing import Any, Final, Self

import yaml

from laboratory.cluster.installation import NAMESPACE, OVERLAY, install, roll_out
from laboratory.cluster.laboratory import READY_SECONDS, Laboratory
from laboratory.cluster.worker import Worker
from laboratory.experiments.stream import rules

_PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"
_OUTSIDE: Final[Mapping[str, Mapping[str, int]]] = {
    "campus": {"http": 9810, "gateway-1": 15020, "gateway-2": 15021, "gateway-3": 15022},
    "dingtalk-stand-in": {"http": 9811},
}
"""Dispensers and DingTalk stand outside of a cluster in the field: these Services' ports lead to this machine."""
_PAUSE: Final = "pause"
DOOR_PORT: Final = 30800
"""The routers', at every worker: the overlay's doors.yaml."""
_OURS: Final = {
    "apiVersion": "builtin",
    "kind": "NamespaceTransformer",
    "metadata": {"name": "namespace", "namespace": NAMESPACE},
    "unsetOnly": True,
}
"""As the overlay's, for what is added around it."""
SCALED: Final[Mapping[str, float]] = {"dispenser-exporter": 6.0, "dingtalk": 0.5}
"""What autoscaling looks after, and how many requests a second are one replica's where it is to be seen soon."""


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
    primary: bool
    """Whether it is PostgreSQL's."""


@dataclass(frozen=True)
class Variant:
    """What experiments change of the laboratory's overlay."""

    alerts_per_slot: int = 1
    """Of the stream, each ten seconds."""
    more_dispensers: Path | None = None
    """An inventory beside the campus' own."""
    autoscaled: bool = False
    """Exporters and bridges by what they have to do, and by little of it."""


@dataclass(frozen=True)
class Stack:
    """It runs."""

    laboratory: Laboratory
    folder: Path
    """Of the overlay."""
    variant: Variant
    _expected: Mapping[str, int]
    """How many replicas each part has when all is well."""

    @classmethod
    def bring_up(cls, laboratory: Laboratory, folder: Path, variant: Variant) -> Self:
        """All of it with the stream of alerts, whole; it ends with the laboratory. Raises TapwatchError."""
        folder.mkdir()
        _write_overlay(laboratory, folder, variant)
        install(laboratory, folder, autoscaled=variant.autoscaled)
        if variant.autoscaled:
            wait = ("wait", "--namespace", NAMESPACE, f"--timeout={READY_SECONDS}s", "--all")
            laboratory.kubectl(*wait, "scaledobject", "--for=condition=Ready")
            laboratory.kubectl(*wait, "horizontalpodautoscaler", "--for=jsonpath={.status.currentReplicas}=2")
            roll_out(laboratory)
        stack = cls(laboratory, folder, variant, {})
        return replace(stack, _expected=stack.parts())

    def change(self, **variant: Any) -> "Stack":  # noqa: ANN401 - the fields of Variant
        """Apply the overlay with these changes, and wait until all is rolled out. Raises TapwatchError."""
        changed = replace(self, variant=replace(self.variant, **variant))
        _write_overlay(self.laboratory, self.folder, changed.variant)
        self.laboratory.apply(self.folder)
        roll_out(self.laboratory)
        return changed

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


def _write_overlay(laboratory: Laboratory, folder: Path, variant: Variant) -> None:
    """The laboratory's overlay, but with dispensers and DingTalk on this machine, and with the stream's rules."""
    stream = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "stream", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "tapwatch"}},
        "spec": rules(variant.alerts_per_slot),
    }
    outside = [_endpoints(name, laboratory.plane.lan.address, ports) for name, ports in _OUTSIDE.items()]
    gone = "$patch: delete\nkind: any\nmetadata: {name: any}\n"
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(OVERLAY, folder), "more.yaml"],
        "patches": [
            {"target": {"kind": "Deployment", "name": "|".join(_OUTSIDE)}, "patch": gone},
            {
                "target": {"kind": "Service", "name": "|".join(_OUTSIDE)},
                "patch": yaml.safe_dump([{"op": "remove", "path": "/spec/selector"}]),
            },
            {
                "target": {"kind": "Prometheus"},
                "patch": yaml.safe_dump([{"op": "replace", "path": "/spec/resources/limits/memory", "value": "4Gi"}]),
            },
        ],
    }
    if variant.more_dispensers is not None:
        copyfile(variant.more_dispensers, folder / "more-dispensers.yaml")
        more = {"name": "dispensers", "namespace": NAMESPACE, "behavior": "merge", "files": ["more-dispensers.yaml"]}
        kustomization["configMapGenerator"] = [more]
    if variant.autoscaled:
        kustomization["components"] = [os.path.relpath(OVERLAY.parents[1] / "components" / "autoscaling", folder)]
        kustomization["patches"] += [_scaled_soon(name, threshold) for name, threshold in SCALED.items()]
        kustomization["transformers"] = ["namespace.yaml"]
        (folder / "namespace.yaml").write_text(yaml.safe_dump(_OURS), encoding="utf-8")
    (folder / "more.yaml").write_text(yaml.safe_dump_all([stream, *outside]), encoding="utf-8")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")


def _scaled_soon(name: str, threshold: float) -> Mapping[str, object]:
    """A patch by which a small load is one for another replica, and one that is over takes it away within minutes."""
    down = {"stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}]}
    patch = [
        {"op": "replace", "path": "/spec/triggers/0/metadata/threshold", "value": str(threshold)},
        {"op": "replace", "path": "/spec/advanced/horizontalPodAutoscalerConfig/behavior/scaleDown", "value": down},
    ]
    return {"target": {"kind": "ScaledObject", "name": name}, "patch": yaml.safe_dump(patch)}


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
        primary=labels.get("cnpg.io/instanceRole") == "primary",
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
