"""Dashboards as Kubernetes ConfigMaps, which Grafana's sidecar (of its Helm charts) loads by their label."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

import yaml

from dashboards.language import Language, say
from dashboards.provisioning import FOLDER, generated_files, write_file

LABEL, FOLDER_ANNOTATION = "grafana_dashboard", "grafana_folder"
"""The sidecar's defaults in Grafana's charts."""


def config_maps(namespace: str, languages: Collection[Language] = tuple(Language)) -> dict[str, str]:
    """A manifest for each dashboard, by file name; one alone stays below what `kubectl apply` can annotate."""
    return {
        f"{PurePosixPath(name).stem}.yaml": _manifest(namespace, PurePosixPath(name).name, text, say(FOLDER, language))
        for language in languages
        for name, text in generated_files([language]).items()
    }


def write_config_maps(folder: Path, namespace: str, languages: Collection[Language] = tuple(Language)) -> list[Path]:
    """Write the manifests into `folder`; returns the files. Raises TapwatchError when one cannot be written."""
    return [write_file(folder / name, text) for name, text in config_maps(namespace, languages).items()]


def _manifest(namespace: str, file: str, text: str, folder: str) -> str:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": PurePosixPath(file).stem,
            "namespace": namespace,
            "labels": {LABEL: "1", "app.kubernetes.io/part-of": "tapwatch"},
            "annotations": {FOLDER_ANNOTATION: folder},
        },
        "data": {file: text},
    }
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=10_000)
