"""Every object is what the last three Kubernetes and the operators know."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from laboratory.programs.gomodules import KUBERNETES
from laboratory.programs.gotools import ensure
from tests.contract.k8s.built import Built
from tests.contract.k8s.schemas import LOCATION, crd_schemas, kubernetes_schemas

pytestmark = [pytest.mark.timeout(600), pytest.mark.compiled]  # the first time modules are fetched


def _conform(text: str, version: str) -> Mapping[str, Any]:
    """What kubeconform says; a kind without a schema is an error."""
    command: list[str | Path] = [
        ensure("kubeconform"),
        "-strict",
        "-summary",
        "-output=json",
        f"-kubernetes-version={version}",
        f"-schema-location={kubernetes_schemas(version)}/{LOCATION}",
        f"-schema-location={crd_schemas()}/{LOCATION}",
    ]
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    said: Mapping[str, Any] = json.loads(answer.stdout)
    return said


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_of_every_overlay_conforms(all_built: Mapping[str, Built], version: str) -> None:
    said = _conform("\n---\n".join(built.text for built in all_built.values()), version)
    assert not said.get("resources")
    count = sum(len(built.objects) for built in all_built.values())
    assert said["summary"] == {"valid": count, "invalid": 0, "errors": 0, "skipped": 0}


@pytest.mark.parametrize(
    ("kind", "place", "complaint"),
    [
        ("Deployment", ("spec", "replica"), "additional properties 'replica' not allowed"),
        ("Prometheus", ("spec", "replica"), "additional properties 'replica' not allowed"),
        ("ScaledObject", ("spec", "scaleTargetRef", "nam"), "additional properties 'nam' not allowed"),
        ("Cluster", ("spec", "storage", "siz"), "additional properties 'siz' not allowed"),
        ("NetworkPolicy", ("spec", "podSelector"), "got number, want object"),
    ],
)
def test_a_fault_is_found(all_built: Mapping[str, Built], kind: str, place: tuple[str, ...], complaint: str) -> None:
    faulty = json.loads(json.dumps(all_built["production"].of(kind)[0]))
    node = faulty
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = 2
    (resource,) = _conform(yaml.safe_dump(faulty), "1.37.0")["resources"]
    assert complaint in resource["msg"]


def test_a_kind_without_a_schema_is_an_error() -> None:
    unknown = {"apiVersion": "example.com/v1", "kind": "Unknown", "metadata": {"name": "one"}}
    assert _conform(yaml.safe_dump(unknown), "1.37.0")["summary"]["errors"] == 1
