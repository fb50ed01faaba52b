"""The JSON Schema of register maps, by which editors complete, explain and check them while they are written."""

import json
from collections.abc import Mapping
from typing import Any

from exporters.dispenser.mapformat import MapFile

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NULL = {"type": "null"}


def map_schema() -> str:
    """The schema's text, made from the models that read the maps; what only several keys together show is not in it."""
    schema = {"$schema": _DIALECT, **_plain(MapFile.model_json_schema()), "title": "Tapwatch register map"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _plain(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what pydantic adds for programs: titles made of names, nulls for keys left out, our own numbers."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if not _is_noise(key, value, node)}
    if "description" in plain and isinstance(plain["description"], str):
        plain["description"] = " ".join(plain["description"].split())
    return _without_null(plain)


def _is_noise(key: str, value: object, node: Mapping[str, Any]) -> bool:
    """A default helps where it is written as in a file: a duration's is a number, a part's a mapping."""
    if key == "default":
        return value is None or isinstance(value, dict) or (isinstance(value, float) and node.get("type") != "number")
    return key == "title" and isinstance(value, str)


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """A key that may be left out need not take null for that."""
    choices = node.get("anyOf")
    if not isinstance(choices, list) or _NULL not in choices or "description" not in node:
        return node
    left = [choice for choice in choices if choice != _NULL]
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**rest, **left[0]} if len(left) == 1 else {**rest, "anyOf": left}
