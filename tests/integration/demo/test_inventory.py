"""`tapwatch demo --inventory`: a person's own dispensers in place of the simulated campus."""

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from click.testing import CliRunner

from demo.command import command
from exporters.dispenser.mapfile import BUILT_IN
from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.layout import Layout
from tapwatch.web import free_port
from tests.integration.demo.conftest import RunningDemo, started_demo

PATIENCE_SECONDS = 60
COLUMNS = ["name", "site", "building", "floor", "module", "address"]


@pytest.fixture(scope="module")
def address() -> str:
    """Where one dispenser answers while a test serves it."""
    return f"127.0.0.1:{free_port()}/1"


@pytest.fixture(scope="module")
def own_demo(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[RunningDemo]:
    """Two dispensers at a site with a Chinese name, one of which does not answer, read by a map of the person's own."""
    folder = tmp_path_factory.mktemp("fleet [own]*")
    (folder / "ours.yaml").write_text((BUILT_IN / "default.yaml").read_text("utf-8"), "utf-8")
    with (folder / "mine.csv").open("w", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerow(["圖書館三樓東", "主校區", "圖書館", "3", "ours", address])
        rows.writerow(["lab <b>&", "主校區", "", "", "ours", f"127.0.0.1:{free_port()}/9"])
    scratch = tmp_path_factory.mktemp("demo")
    with started_demo(scratch, f"--inventory={folder}/mine.csv", f"--map={folder}/ours.yaml") as running:
        yield running


async def until_read(front: str) -> dict[str, Any]:
    """The state as soon as every dispenser was tried and one was read."""
    state: dict[str, Any] = {}
    async with aiohttp.ClientSession() as session:
        for _ in range(2 * PATIENCE_SECONDS):
            async with session.get(f"{front}state") as response:
                state = await response.json()
            if {one["health"] for one in state["dispensers"]} == {"up", "down"}:
                return state
            await asyncio.sleep(0.5)
    raise AssertionError(f"it is never so: {state}")


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_own_dispensers_are_watched_and_nothing_offers_to_break_them(own_demo: RunningDemo, address: str) -> None:
    front, port = own_demo.url("Open this first"), int(address.partition(":")[2].partition("/")[0])
    layout = Layout(dispensers=1, rtu_share=0, modbus_port=port)
    async with Campus.start(layout) as campus:
        assert [str(one.unit.address) for one in campus.dispensers.values()] == [address]
        state = await until_read(front)
    up, down = state["dispensers"]
    assert (up["name"], up["site"], up["place"], up["health"]) == ("圖書館三樓東", "主校區", "圖書館 · floor 3", "up")
    assert 50 < up["hot_celsius"] < 105
    assert (down["name"], down["place"], down["health"], down["reason"]) == ("lab <b>&", "", "down", "connect")
    assert "2 of your own dispensers" in own_demo.overview
    assert "tapwatch simulate" not in own_demo.overview
    async with aiohttp.ClientSession() as session:
        async with session.get(front) as response:
            page = await response.text()
        assert "Break something" not in page
        assert "<b>&" not in page
        async with session.post(f"{front}dispensers/lab/clear", headers={"Origin": front.rstrip("/")}) as response:
            assert (response.status, await response.text()) == (
                404,
                "the dispensers are your own, and nothing here breaks them\n",
            )


@pytest.mark.parametrize(
    ("content", "more", "faults"),
    [
        (
            {
                "dispensers": [
                    {"name": "a", "address": "10.0.0.1:502/900"},
                    {"name": "b", "site": "s", "module": "acme"},
                ]
            },
            (),
            (
                "mine.yaml:3: dispensers[0].address: '10.0.0.1:502/900': unit 900 is not between 0 and 255",
                "mine.yaml:2: dispensers[0].site: is missing",
                "dispensers[1].address: is missing",
                "3 faults.",
            ),
        ),
        (
            {"dispensers": [{"name": "a", "site": "s", "address": "10.0.0.1:502/9", "module": "acme"}]},
            (),
            ("no register map is named 'acme'; known: ",),
        ),
        ({"dispensers": []}, (), ("mine.yaml: dispensers: is empty; name at least one dispenser",)),
        (
            {"dispensers": []},
            ("--dispensers=3",),
            ("--dispensers is about the simulated campus, and --inventory takes its place",),
        ),
        (
            {"dispensers": []},
            ("--check", "--kubeconfig={file}"),
            ("--check has nothing to break where dispensers and cluster are your own",),
        ),
    ],
    ids=["faults", "map", "empty", "simulated", "check"],
)
def test_a_bad_inventory_is_told_with_every_fault_before_anything_starts(
    content: object, more: tuple[str, ...], faults: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    result = CliRunner().invoke(command, [f"--inventory={file}", *(one.format(file=file) for one in more)])
    assert result.exit_code == 2
    for fault in faults:
        assert fault in result.output
    assert "Starting" not in result.output


def test_a_map_without_an_inventory_is_told(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").touch()
    result = CliRunner().invoke(command, [f"--map={tmp_path}/ours.yaml"])
    assert result.exit_code == 2
    assert "--map goes with --inventory, whose dispensers need it" in result.output
