"""The operators that the stack needs, as their projects publish them: their manifests are in their Go modules."""

from dataclasses import dataclass
from typing import Final

from tests.cluster.laboratory import Laboratory
from tests.servers.gomodules import CLOUDNATIVE_PG, PROMETHEUS_OPERATOR, GoModule, module_files


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


def install_operators(laboratory: Laboratory) -> None:
    """Apply them, and wait until they serve. Their images must be there. Raises TapwatchError."""
    for one in OPERATORS:
        text = (module_files(one.module) / one.manifests).read_text(encoding="utf-8")
        # No registry is asked here: what runs is what was loaded.
        laboratory.apply(text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"))
        laboratory.wait_for(f"deployment/{one.deployment}", namespace=one.namespace)
