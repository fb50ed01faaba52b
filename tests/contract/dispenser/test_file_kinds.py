"""A file of the wrong kind is told as such, with the place where it belongs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tapwatch.cli import main

SETTINGS, INVENTORY, MAP = "settings.yaml", "dispensers.yaml", "acme.yaml"
TABLE = "dispensers.csv"
TEXTS = {
    SETTINGS: "inventory: [./dispensers.yaml]\n",
    INVENTORY: "dispensers: [{name: lib-1f, site: main, address: 10.0.5.7/1}]\n",
    TABLE: "name,site,address\nlib-1f,main,10.0.5.7/1\n",
    MAP: "registers: [{at: h0, type: u16, metric: dispenser_error_code}]\n",
}
AS_SETTINGS = ["dispenser-exporter", "--config.check", "--config.file"]
AS_INVENTORY = ["check", "inventory"]
AS_MAP = ["check", "map"]

FOR_INVENTORIES = "name it under `inventory` in the settings file; `tapwatch check inventory` checks it"
FOR_MAPS = "name it under `maps` in the settings file; `tapwatch check map` checks it"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "name", "sentence"),
    [
        (AS_SETTINGS, INVENTORY, f"this is an inventory, not a settings file: {FOR_INVENTORIES}"),
        (AS_SETTINGS, TABLE, f"this is an inventory, not a settings file: {FOR_INVENTORIES}"),
        (AS_SETTINGS, MAP, f"this is a register map, not a settings file: {FOR_MAPS}"),
        (AS_INVENTORY, SETTINGS, "this is a settings file, not an inventory: it is for --config.file"),
        (AS_INVENTORY, MAP, f"this is a register map, not an inventory: {FOR_MAPS}"),
        (AS_MAP, SETTINGS, "this is a settings file, not a register map: it is for --config.file"),
        (AS_MAP, INVENTORY, f"this is an inventory, not a register map: {FOR_INVENTORIES}"),
    ],
)
def test_a_file_of_another_kind_is_sent_where_it_belongs(
    folder: Path, arguments: list[str], name: str, sentence: str
) -> None:
    result = CliRunner().invoke(main, [*arguments, str(folder / name)])
    assert (result.exit_code, result.stderr) == (2, f"error: {folder / name}:1: {sentence}\n1 fault.\n")


@pytest.mark.parametrize(
    ("arguments", "name"), [(AS_SETTINGS, SETTINGS), (AS_INVENTORY, INVENTORY), (AS_INVENTORY, TABLE), (AS_MAP, MAP)]
)
def test_a_file_of_the_right_kind_is_taken(folder: Path, arguments: list[str], name: str) -> None:
    result = CliRunner().invoke(main, [*arguments, str(folder / name)])
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_folder_of_maps_that_is_not_there_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text("maps: [./maps/*.yaml]\n", encoding="utf-8")
    result = CliRunner().invoke(main, [*AS_SETTINGS, str(tmp_path / SETTINGS)])
    assert result.exit_code == 2
    assert "maps/*.yaml; correct the path, or leave this entry out\n" in result.stderr
