"""The services of packaging/compose, with merges resolved as Compose resolves them."""

from collections.abc import Mapping
from typing import Any

import yaml

from demo.ports import HOST, USUAL
from tests.contract.shipped import PACKAGING

FOLDER = PACKAGING / "compose"
FILE = FOLDER / "compose.yaml"
DOCUMENT: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = DOCUMENT["services"]

OURS = tuple(name for name, service in SERVICES.items() if "TAPWATCH_IMAGE" in service["image"])
HELPERS = ("dashboards", "volumes")
"""Those that end before others start."""
SETTINGS = "/etc/tapwatch"


def mounts(name: str) -> Mapping[str, str]:
    """What is mounted, by its place in the container."""
    volumes = (volume.removesuffix(":ro").rpartition(":") for volume in SERVICES[name].get("volumes", ()))
    return {target: source for source, _, target in volumes}


def listens_at(name: str) -> str:
    """The address that a server of this name has in `tapwatch demo`, as long as nothing else is there."""
    return f"{HOST}:{USUAL[name]}"
