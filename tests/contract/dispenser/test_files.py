"""Files that people write: each `invalid/*.txt` holds the exact faults of the file beside it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporters.dispenser.check import check_inventory, check_map
from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.mapfile import load_map, load_maps
from tapwatch.errors import ConfigError

INVALID = Path(__file__).parent / "invalid"


def beside(expected: Path) -> Path:
    (file,) = (path for path in INVALID.glob(f"{expected.stem}.*") if path != expected)
    return file


@pytest.mark.parametrize("expected", sorted(INVALID.glob("*.txt")), ids=lambda path: path.stem)
def test_every_fault_of_a_file_is_told_at_once(expected: Path) -> None:
    file = beside(expected)
    with pytest.raises(ConfigError) as caught:
        load_map(file) if file.stem.startswith("map-") else load_inventory([file], ["default"])
    assert str(caught.value).replace(str(file), "FILE").splitlines() == expected.read_text("utf-8").splitlines()


def test_check_map_says_what_a_good_map_costs() -> None:
    result = CliRunner().invoke(check_map, ["exporters/dispenser/maps/default.yaml"])
    assert (result.exit_code, result.output) == (
        0,
        "exporters/dispenser/maps/default.yaml: good; 62 series in 1 reads: i0+48\n",
    )


def test_check_map_tells_the_faults_of_all_files_and_exits_2() -> None:
    result = CliRunner().invoke(check_map, [str(INVALID / "map-empty.yaml"), str(INVALID / "map-order.yaml")])
    assert result.exit_code == 2
    assert "map-empty.yaml:2" in result.output
    assert "map-order.yaml:1" in result.output
    assert result.output.endswith("2 faults.\n")


def test_check_inventory_takes_several_files_of_one_fleet(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.yaml"
    first.write_text("\ufeffname,site,address\r\nlib-1f,main,10.0.5.7:502/17\r\n", encoding="utf-8")
    second.write_text("dispensers: [{name: lib-2f, site: main, address: 10.0.5.7/18}]", encoding="utf-8")
    result = CliRunner().invoke(check_inventory, [str(first), str(second)])
    assert (result.exit_code, result.output) == (0, f"{first}, {second}: good; 2 dispensers\n")


def test_a_name_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.yaml"
    first.write_text("name,site,address\nlib-1f,main,10.0.5.7:502/17\n", encoding="utf-8")
    second.write_text("dispensers:\n- {name: lib-1f, site: main, address: 10.0.5.7/18}", encoding="utf-8")
    result = CliRunner().invoke(check_inventory, [str(first), str(second)])
    assert result.exit_code == 2
    assert f"{second}:2: dispensers[0].name: 'lib-1f' stands already in {first}:2" in result.output


def test_discovery_names_the_device_and_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "dispensers.yaml"
    file.write_text(
        'dispensers:\n  - {name: lib-3f-east, site: main-campus, building: library, floor: "3", module: default, '
        'address: "10.0.5.7:502/17"}\n  - {name: gate, site: main-campus, address: rtu+tcp://10.0.5.8:4001/3}\n',
        encoding="utf-8",
    )
    assert json.loads(json.dumps(load_inventory([file], ["default"]).targets())) == [
        {
            "targets": ["10.0.5.7:502/17"],
            "labels": {
                "dispenser": "lib-3f-east",
                "site": "main-campus",
                "building": "library",
                "floor": "3",
                "module": "default",
                "gateway": "10.0.5.7:502",
            },
        },
        {
            "targets": ["rtu+tcp://10.0.5.8:4001/3"],
            "labels": {
                "dispenser": "gate",
                "site": "main-campus",
                "module": "default",
                "gateway": "rtu+tcp://10.0.5.8:4001",
            },
        },
    ]


def test_a_map_of_ones_own_replaces_the_built_in_one_of_its_name(tmp_path: Path) -> None:
    own = tmp_path / "default.yaml"
    own.write_text("registers: [{at: h0, type: u16, metric: dispenser_error_code}]", encoding="utf-8")
    assert len(load_maps([own])["default"].values) == 1


def test_two_maps_of_one_name_are_told(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "acme.yaml" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        shutil.copy(Path("exporters/dispenser/maps/default.yaml"), path)
    with pytest.raises(ConfigError, match="another map in these settings is named 'acme' too"):
        load_maps(paths)


def test_a_map_may_have_metrics_of_its_own(tmp_path: Path) -> None:
    own = tmp_path / "acme.yaml"
    own.write_text(
        "metrics: {acme_valve_turns_total: {type: counter, help: Turns of the valve.}}\n"
        "registers: [{at: h0, type: u32, metric: acme_valve_turns_total, labels: {valve: inlet}}]\n",
        encoding="utf-8",
    )
    (value,) = load_map(own).values
    assert (value.metric.name, value.metric.type, value.metric.labels) == (
        "acme_valve_turns_total",
        "counter",
        ("valve",),
    )
