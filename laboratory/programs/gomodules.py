"""Files of Go modules that are not built: Kubernetes' API descriptions, operators' CRDs and manifests.

Go keeps them in its module cache; each is fixed by its checksum, as a go.sum would.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from laboratory.programs import gotoolchain
from laboratory.programs.compiling import require_compiling
from tapwatch.errors import TapwatchError

_ANY_GO = (1, 21, 0)
_SECONDS = 600


@dataclass(frozen=True)
class GoModule:
    """One version of a module."""

    path: str
    version: str
    checksum: str
    """As go.sum has it: `h1:` and the hash of all its files."""


KUBERNETES = {
    version: GoModule("k8s.io/kubernetes", f"v{version}", checksum)
    for version, checksum in {
        "1.35.0": "h1:PUOojD8c8E3csMP5NX+nLLne6SGqZjrYCscptyBfWMY=",
        "1.36.0": "h1:JKaAkgSzI4+ZvNWrNJg56jAkUaOiqgBaJstmi6ycyoU=",
        "1.37.0": "h1:TDSD+Izz9inqs7SmtJCAu7L5/DuYW9hAZ3GBdF6Ddkw=",
    }.items()
}
"""The last three minor releases."""

PROMETHEUS_OPERATOR = GoModule(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.89.0",
    "h1:2HA351OwWBa10H6TDhjeSdHOA7wiY71sEivg+z2cykk=",
)
CLOUDNATIVE_PG = GoModule(
    "github.com/cloudnative-pg/cloudnative-pg", "v1.28.0", "h1:vkv0a0ewDSfJOPJrsyUr4uczsxheReAWf/k171V0Dm0="
)
KEDA = GoModule("github.com/kedacore/keda/v2", "v2.20.0", "h1:nPKQL9iKsPpoyq7BftlBzJiQzb2LdKHiqBIEG6ju3bk=")


def module_files(module: GoModule) -> Path:
    """The folder with the module's files. Raises TapwatchError when they cannot be had, or are others."""
    require_compiling(module.path)
    go = gotoolchain.locate(_ANY_GO)
    command: list[str | Path] = [go, "mod", "download", "-json", f"{module.path}@{module.version}"]
    answer = subprocess.run(
        command,
        env=gotoolchain.environment(GOFLAGS=f"-mod=mod {gotoolchain.REMOVABLE}", GOWORK="off"),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    found = json.loads(answer.stdout or "{}")
    if answer.returncode != 0:
        raise TapwatchError(f"{module.path} {module.version} cannot be had: {found.get('Error') or answer.stderr}")
    if found["Sum"] != module.checksum:
        raise TapwatchError(f"{module.path} {module.version} is {found['Sum']}, not {module.checksum}")
    return Path(found["Dir"])
