"""JSON Schemas for kubeconform: from Kubernetes' own API description, and from the operators' CRDs.

A field that the API does not have is a fault. What a schema cannot say, as CEL rules, the API server's dry run says.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from laboratory.programs.gomodules import CLOUDNATIVE_PG, KEDA, KUBERNETES, PROMETHEUS_OPERATOR, module_files
from tapwatch.cache import cached, digest

Schema = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 gives a bare `=` a meaning that PyYAML does not know and nobody means."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)

LOCATION = "{{ .ResourceKind }}_{{ .Group }}_{{ .ResourceAPIVersion }}.json"
"""Below a folder, as kubeconform spells a file's name."""

_REFERENCE = "#/definitions/"
_GROUP_VERSION_KIND = "x-kubernetes-group-version-kind"
_INT_OR_STRING: Schema = {"type": ["integer", "string"]}
_QUANTITY: Schema = {"type": ["number", "string"]}
_SCALARS = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _INT_OR_STRING,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _QUANTITY,
}
"""The description calls both strings; YAML of people has numbers, too, and the API server takes them."""


def crd_files() -> list[Path]:
    """Every CRD of the operators."""
    folders = (
        module_files(PROMETHEUS_OPERATOR) / "example" / "prometheus-operator-crd",
        module_files(CLOUDNATIVE_PG) / "config" / "crd" / "bases",
        module_files(KEDA) / "config" / "crd" / "bases",
    )
    return sorted(file for folder in folders for file in folder.glob("*.yaml"))


def kubernetes_schemas(version: str) -> Path:
    """A folder with a schema for each kind of this Kubernetes, made at first use."""
    key = digest([KUBERNETES[version].checksum.encode(), Path(__file__).read_bytes()])
    return cached(f"schemas-kubernetes-{version}", key, lambda folder: _write_kinds(version, folder))


def crd_schemas() -> Path:
    """The same for the operators' kinds."""
    files = crd_files()
    key = digest([*(file.read_bytes() for file in files), Path(__file__).read_bytes()])
    return cached("schemas-operators", key, lambda folder: _write_custom_kinds(files, folder))


def _write_kinds(version: str, folder: Path) -> None:
    description = module_files(KUBERNETES[version]) / "api" / "openapi-spec" / "swagger.json"
    definitions: Mapping[str, Schema] = json.loads(description.read_bytes())["definitions"]
    strict = {name: _SCALARS.get(name) or _strict(schema) for name, schema in definitions.items()}
    for name, schema in definitions.items():
        for kind in schema.get(_GROUP_VERSION_KIND, ()):
            needed = {one: strict[one] for one in sorted(_needed(name, strict))}
            _write(folder, kind["kind"], kind["group"], kind["version"], {**strict[name], "definitions": needed})


def _write_custom_kinds(files: list[Path], folder: Path) -> None:
    for file in files:
        for crd in yaml.load_all(file.read_text(encoding="utf-8"), _Loader):
            spec = crd["spec"]
            for version in spec["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                _write(folder, spec["names"]["kind"], spec["group"], version["name"], schema)


def _write(folder: Path, kind: str, group: str, version: str, schema: Schema) -> None:
    spelled = group or version  # kubeconform's group of the core kinds
    (folder / f"{kind.lower()}_{spelled}_{version}.json").write_text(json.dumps(schema), encoding="utf-8")


def _strict(schema: Schema) -> Schema:
    """The same in JSON Schema's words, and without room for unknown fields."""
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return _INT_OR_STRING
    made = {key: _translated(key, value) for key, value in schema.items() if not key.startswith("x-")}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        made["type"] = [schema["type"], "null"]
    return made


def _translated(key: str, value: Any) -> Any:  # noqa: ANN401 - any value of a schema's key
    match key:
        case "properties":
            return {name: _strict(inner) for name, inner in value.items()}
        case "items" | "not":
            return _strict(value)
        case "additionalProperties" if isinstance(value, dict):
            return _strict(value)
        case "allOf" | "anyOf" | "oneOf":
            return [{**_strict(inner), "additionalProperties": True} for inner in value]
        case _:
            return value


def _needed(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    """The names of all definitions that this one refers to, and those refer to."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in _references(definitions[waiting.pop()]):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference.removeprefix(_REFERENCE)
        for inner in node.values():
            yield from _references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _references(inner)
