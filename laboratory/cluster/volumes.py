"""Volumes on the workers' own disks, made beforehand: claims that name no class get one, and stay on its worker.

They outlive a power failure. What a claim leaves behind is not given to another one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from laboratory.cluster.node import Identity

CLASS: Final = "local"
_FOLDER: Final = "volumes"
_PER_NODE: Final = 12
_SIZE: Final = "10Gi"
"""What a volume says of itself; it takes what is written to it."""


def make_folders(disk: Path) -> None:
    """Those of all volumes of one worker, whose disk this is."""
    for number in range(1, _PER_NODE + 1):
        (disk / "lib" / _FOLDER / str(number)).mkdir(parents=True)


def manifest(nodes: tuple[Identity, ...]) -> str:
    """The class, the default one, and the volumes of all workers, as YAML."""
    return yaml.safe_dump_all([_class(), *_volumes(nodes)])


def _class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volumes(nodes: tuple[Identity, ...]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        place = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}
        for number in range(1, _PER_NODE + 1):
            yield {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"{node.name}-{number}"},
                "spec": {
                    "capacity": {"storage": _SIZE},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": CLASS,
                    "local": {"path": f"/var/lib/{_FOLDER}/{number}"},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [place]}]}},
                },
            }
