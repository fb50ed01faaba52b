"""The JSON Schema that editors use."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exporters.dispenser.check import check_map
from exporters.dispenser.mapfile import BUILT_IN
from exporters.dispenser.words import NUMBER_TYPES

SCHEMA = BUILT_IN / "schema.json"


def test_the_schema_beside_the_maps_is_in_step_with_the_models() -> None:
    result = CliRunner().invoke(check_map, ["--schema"])
    assert result.exit_code == 0
    assert result.output == SCHEMA.read_text("utf-8"), "tapwatch check map --schema writes it again"


def test_every_key_is_described() -> None:
    undescribed = [name for name, key in keys(json.loads(SCHEMA.read_text("utf-8"))) if "description" not in key]
    assert undescribed == []


def test_editors_offer_every_type_and_no_key_besides_ours() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    register = schema["$defs"]["RegisterEntry"]
    assert register["properties"]["type"]["enum"] == [*NUMBER_TYPES, "string"]
    assert register["required"] == ["at", "type", "metric"]
    assert all(part["additionalProperties"] is False for part in (schema, *schema["$defs"].values()))


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_built_in_map_names_its_schema_to_editors(path: Path) -> None:
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


def keys(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in {"": schema, **schema["$defs"]}.items():
        for key, value in part["properties"].items():
            yield f"{name}.{key}", value
