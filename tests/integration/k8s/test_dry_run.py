"""A real API server takes every overlay: with the operators' CRDs, their CEL rules, and Pod Security at the door."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from laboratory.kubernetes.controlplane import ControlPlane
from laboratory.programs.gotools import ensure
from tests.contract.k8s.built import OVERLAYS, WORKLOADS, Built, Object, build, copy_manifests
from tests.contract.k8s.schemas import crd_files

GKE_KNOWS_NO_OTHER_WAY = (
    "Warning: annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
)

pytestmark = [pytest.mark.timeout(600), pytest.mark.compiled]


def _kubectl(kubeconfig: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        ensure("kubectl"),
        f"--kubeconfig={kubeconfig}",
        f"--cache-dir={kubeconfig.parent / 'kubectl'}",
        *arguments,
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server that knows the operators' kinds."""
    with ControlPlane.start(tmp_path_factory.mktemp("plane")) as plane:
        crds = "\n---\n".join(file.read_text(encoding="utf-8") for file in crd_files())
        applied = _kubectl(plane.kubeconfig, "apply", "--server-side", "-f", "-", text=crds)
        assert applied.returncode == 0, applied.stderr
        established = _kubectl(
            plane.kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=120s"
        )
        assert established.returncode == 0, established.stderr
        yield plane


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_manifests(tmp_path_factory.mktemp("manifests"))


@pytest.fixture(params=OVERLAYS, scope="module")
def prepared(request: pytest.FixtureRequest, plane: ControlPlane, overlays: Path) -> Built:
    """An overlay whose namespace, accounts and priorities are there, as nothing can be tried in what is not."""
    built = build(overlays, request.param)
    first = [*built.of("Namespace"), *built.of("ServiceAccount"), *built.of("PriorityClass")]
    # No controller manager runs that would make it.
    first.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(built, "default")})
    applied = _kubectl(plane.kubeconfig, "apply", "--server-side", "-f", "-", text=yaml.safe_dump_all(first))
    assert applied.returncode == 0, applied.stderr
    return built


def _metadata(built: Built, name: str) -> Mapping[str, str]:
    return {"name": name, "namespace": built.namespace}


def _dry_run(plane: ControlPlane, text: str) -> subprocess.CompletedProcess[str]:
    return _kubectl(plane.kubeconfig, "apply", "--server-side", "--dry-run=server", "-f", "-", text=text)


def test_the_api_server_takes_every_object(plane: ControlPlane, prepared: Built) -> None:
    answer = _dry_run(plane, prepared.text)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("serverside-applied (server dry run)") == len(prepared.objects)
    warnings = {line for line in answer.stderr.splitlines() if line.startswith("Warning")}
    assert warnings <= ({GKE_KNOWS_NO_OTHER_WAY} if prepared.name == "gke" else set())


def _pod(built: Built, workload: Object) -> dict[str, object]:
    """What a workload's controller would make."""
    template = workload["spec"]["template"]
    metadata = {**template["metadata"], **_metadata(built, workload["metadata"]["name"])}
    claims = [
        {"name": one["metadata"]["name"], "persistentVolumeClaim": {"claimName": "of-this-pod"}}
        for one in workload["spec"].get("volumeClaimTemplates", ())
    ]
    spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", ()), *claims]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_pod_security_lets_every_pod_in(plane: ControlPlane, prepared: Built) -> None:
    pods = [_pod(prepared, workload) for workload in prepared.of(*WORKLOADS)]
    answer = _dry_run(plane, yaml.safe_dump_all(pods))
    assert answer.returncode == 0, answer.stderr
    assert "Warning" not in answer.stderr


def test_pod_security_keeps_others_out(plane: ControlPlane, prepared: Built) -> None:
    pod = json.loads(json.dumps(_pod(prepared, prepared.one("Deployment", "router"))))
    del pod["spec"]["securityContext"]["seccompProfile"]
    answer = _dry_run(plane, yaml.safe_dump(pod))
    assert answer.returncode == 1
    assert 'violates PodSecurity "restricted:latest": seccompProfile' in answer.stderr


def test_a_field_that_does_not_exist_is_refused(plane: ControlPlane, prepared: Built) -> None:
    faulty = json.loads(json.dumps(prepared.of("Prometheus")[0]))
    faulty["spec"]["replica"] = 2
    answer = _dry_run(plane, yaml.safe_dump(faulty))
    assert answer.returncode == 1
    assert ".spec.replica: field not declared in schema" in answer.stderr
