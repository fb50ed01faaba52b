"""The operators that the stack needs, as their projects publish them: their manifests are in their Go modules."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tapwatch.errors import TapwatchError
from tests.cluster.laboratory import Laboratory
from tests.servers import gotoolchain

_OLDEST_GO: Final = (1, 26, 0)
MANIFESTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "prometheus-operator": ("github.com/prometheus-operator/prometheus-operator@v0.89.0", "bundle.yaml"),
        "cloudnative-pg": ("github.com/cloudnative-pg/cloudnative-pg@v1.28.0", "releases/cnpg-1.28.0.yaml"),
    }
)
"""The module and the file in it, by the operator's name."""
_WORKLOADS: Final = {
    "prometheus-operator": ("deployment/prometheus-operator", "default"),
    "cloudnative-pg": ("deployment/cnpg-controller-manager", "cnpg-system"),
}


def install_operators(laboratory: Laboratory) -> None:
    """Apply them, and wait until they serve. Their images must be there. Raises TapwatchError."""
    for name, (module, file) in MANIFESTS.items():
        text = (_module_folder(module) / file).read_text(encoding="utf-8")
        # No registry is asked here: what is used is what was loaded.
        laboratory.apply(text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"))
        workload, namespace = _WORKLOADS[name]
        laboratory.wait_for(workload, namespace=namespace)


def _module_folder(module: str) -> Path:
    """Where Go keeps this version of the module; fetched when it is not there."""
    go = gotoolchain.locate(_OLDEST_GO)
    command = [go, "mod", "download", "-json", module]
    environment = gotoolchain.environment(GOFLAGS="-mod=mod", GOWORK="off")
    result = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TapwatchError(f"{module} could not be fetched: {result.stderr.strip() or result.stdout.strip()}")
    return Path(json.loads(result.stdout)["Dir"])
