"""The overlays as a release has them: rendered by Kustomize, without Secrets, which are the cluster's own to make."""

import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

import dashboards
from k8s.check import build_overlay
from k8s.manifests import FOLDER
from k8s.secretfiles import make_secrets

OURS = "laboratory"
"""The overlay of our own cluster, which is nobody else's."""


def render_overlays(kubectl: str, scratch: Path) -> dict[str, str]:
    """Render each overlay by its name, in a copy below `scratch`. Raises TapwatchError with what Kustomize says.

    Secrets have names without a hash, since whoever makes them cannot know it.
    """
    shutil.copytree(FOLDER, scratch / "k8s", ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    generated = Path(dashboards.__file__).parent / "generated"
    shutil.copytree(generated, scratch / "dashboards" / "generated")
    overlays = sorted(path for path in (scratch / "k8s" / "overlays").iterdir() if path.name != OURS)
    made_there = {name for overlay in overlays for name in _name_secrets_plainly(overlay / "kustomization.yaml")}
    for overlay in overlays:
        make_secrets(overlay, all_of_them=True)
    built = {overlay.name: build_overlay(overlay, kubectl) for overlay in overlays}
    return {name: without_secrets(name, text, made_there) for name, text in built.items()}


def without_secrets(overlay: str, text: str, made_there: Collection[str]) -> str:
    """Leave out the Secrets of these names, and say at the top that there have to be some.

    Other Secrets stay: Alertmanager's settings are one, as its operator wants them, and hold nothing secret.
    """
    parts = [part.strip("\n") for part in text.split("\n---\n")]
    objects = {part: yaml.safe_load(part) for part in parts}
    secrets = {
        part: one for part, one in objects.items() if one["kind"] == "Secret" and one["metadata"]["name"] in made_there
    }
    head = "\n".join(_head(overlay, secrets.values()))
    return "\n---\n".join([head, *(part for part in parts if part not in secrets)]) + "\n"


def _name_secrets_plainly(file: Path) -> list[str]:
    """Take the hash from the names of the Secrets that an overlay makes of its files; return the names."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    generators = content.get("secretGenerator", [])
    for generator in generators:
        generator["options"] = {"disableNameSuffixHash": True}
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return [generator["name"] for generator in generators]


def _head(overlay: str, secrets: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [f"# k8s/overlays/{overlay}, rendered. Make these Secrets first; docs/kubernetes.md says what they hold."]
    for secret in secrets:
        place, keys = secret["metadata"], ", ".join(sorted(secret["data"]))
        lines.append(f"#   {place['namespace']}/{place['name']} ({secret.get('type', 'Opaque')}): {keys}")
    return lines
