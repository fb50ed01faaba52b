"""The operators that the stack needs, as their projects publish them: their manifests are in their Go modules."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from laboratory.cluster.laboratory import Laboratory
from laboratory.programs.gomodules import CLOUDNATIVE_PG, KEDA, PROMETHEUS_OPERATOR, GoModule, module_files


@dataclass(frozen=True)
class Operator:
    """One operator."""

    module: GoModule
    manifests: str
    """The file in its module."""
    deployment: str
    namespace: str


OPERATORS: Final = (
    Operator(PROMETHEUS_OPERATOR, "bundle.yaml", "prometheus-operator", "default"),
    Operator(CLOUDNATIVE_PG, "releases/cnpg-1.28.0.yaml", "cnpg-controller-manager", "cnpg-system"),
)

_KEDA_PARTS: Final = ("crd", "general", "rbac", "manager", "metrics-server", "service_account")
"""Folders of its module that make up its release, but the webhook that judges ScaledObjects before they are stored."""
_KEDA_IMAGES: Final = ("ghcr.io/kedacore/keda", "ghcr.io/kedacore/keda-metrics-apiserver")
_NO_WEBHOOK: Final = "--enable-webhook-patching=false"


def install_operators(laboratory: Laboratory) -> None:
    """Apply them, and wait until they serve. Their images must be there. Raises TapwatchError."""
    for one in OPERATORS:
        text = (module_files(one.module) / one.manifests).read_text(encoding="utf-8")
        # No registry is asked here: what runs is what was loaded.
        laboratory.apply(text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"))
        laboratory.wait_for(f"deployment/{one.deployment}", namespace=one.namespace)


def install_keda(laboratory: Laboratory) -> None:
    """KEDA, from the kustomization that its releases are made of. Raises TapwatchError when it does not serve."""
    version = KEDA.version.removeprefix("v")
    container = "/spec/template/spec/containers/0"
    here = [{"op": "replace", "path": f"{container}/imagePullPolicy", "value": "IfNotPresent"}]
    alone = [{"op": "add", "path": f"{container}/args/-", "value": _NO_WEBHOOK}]
    with tempfile.TemporaryDirectory(prefix="tapwatch-keda-") as name:
        folder = Path(name)
        config = os.path.relpath(module_files(KEDA) / "config", folder)
        kustomization = {
            "resources": [f"{config}/{part}" for part in _KEDA_PARTS],
            "images": [{"name": image, "newTag": version} for image in _KEDA_IMAGES],
            "patches": [
                {"target": {"kind": "Deployment"}, "patch": yaml.safe_dump(here)},
                {"target": {"kind": "Deployment", "name": "keda-operator"}, "patch": yaml.safe_dump(alone)},
            ],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        laboratory.apply(folder)
    laboratory.wait_for(namespace="keda")
    laboratory.kubectl(
        "wait", "apiservice/v1beta1.external.metrics.k8s.io", "--for=condition=Available", "--timeout=180s"
    )
