"""Every overlay as Kustomize builds it, with stand-in secrets; and what its objects have in common."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import dashboards
from k8s.check import build_overlay
from k8s.manifests import FOLDER
from k8s.secretfiles import make_secrets
from laboratory.programs.gotools import ensure

Object = Mapping[str, Any]

OVERLAYS = tuple(sorted(folder.name for folder in (FOLDER / "overlays").iterdir()))
WORKLOADS = frozenset({"Deployment", "StatefulSet"})
NAME = "app.kubernetes.io/name"


@dataclass(frozen=True)
class Built:
    """One overlay."""

    name: str
    text: str
    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> list[Object]:
        """Its objects of these kinds."""
        return [one for one in self.objects if one["kind"] in kinds]

    def one(self, kind: str, name: str) -> Object:
        """The object of this kind and name, whatever hash its name ends with."""
        (found,) = (
            one
            for one in self.of(kind)
            if one["metadata"]["name"] == name or one["metadata"]["name"].rpartition("-")[0] == name
        )
        return found

    @property
    def namespace(self) -> str:
        """The one that everything is in."""
        (namespace,) = self.of("Namespace")
        return str(namespace["metadata"]["name"])


def copy_manifests(folder: Path) -> Path:
    """The overlays' folder of a copy of all that Kustomize reads, in which every overlay has stand-in secrets."""
    shutil.copytree(FOLDER, folder / "k8s", ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    generated = Path(dashboards.__file__).parent / "generated"
    shutil.copytree(generated, folder / "dashboards" / "generated")
    overlays = folder / "k8s" / "overlays"
    for name in OVERLAYS:
        make_secrets(overlays / name, all_of_them=True)
    return overlays


def build(overlays: Path, name: str) -> Built:
    """The overlay of that name in a folder of overlays."""
    text = build_overlay(overlays / name, ensure("kubectl"))
    return Built(name, text, tuple(yaml.load_all(text, yaml.CSafeLoader)))


def pod_spec(workload: Object) -> Mapping[str, Any]:
    """The pod that a workload makes."""
    spec: Mapping[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def containers(workload: Object) -> Iterator[Mapping[str, Any]]:
    """All containers of its pod, those that start before the others included."""
    spec = pod_spec(workload)
    yield from spec.get("initContainers", ())
    yield from spec["containers"]
