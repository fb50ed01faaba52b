"""The benchmark measures what it says, with the real peer."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bench.candidate import TAPWATCH, modbus_exporter, running_candidate
from bench.fleet import running_fleet
from bench.measure import measure
from bench.peer import peer_settings
from exporters.dispenser.address import parse_address
from exporters.dispenser.mapfile import load_maps
from laboratory.programs.gotools import ensure
from tapwatch.errors import TapwatchError

pytestmark = pytest.mark.compiled


async def test_one_request_reads_what_takes_the_peer_one_for_each_series(tmp_path: Path) -> None:
    async with running_fleet(tmp_path, dispensers=4, units_per_gateway=2) as fleet:
        async with running_candidate(TAPWATCH, tmp_path) as running:
            ours = await measure(fleet, running, rounds=2)
        async with running_candidate(modbus_exporter(ensure("modbus_exporter")), tmp_path) as running:
            peer = await measure(fleet, running, rounds=1)
    assert (ours.requests, ours.connections, ours.line_bytes) == (1, 0, 12 + 9 + 2 * 48)
    assert (peer.requests, peer.connections) == (62, 1)
    assert ours.series == peer.series == 62
    assert (ours.scrapes, peer.scrapes) == (8, 4)


async def test_a_candidate_that_does_not_read_is_not_measured(tmp_path: Path) -> None:
    async with (
        running_fleet(tmp_path, dispensers=1, units_per_gateway=1) as fleet,
        running_candidate(TAPWATCH, tmp_path) as running,
    ):
        nowhere = replace(fleet, addresses=(parse_address("127.0.0.1:1/1"),))
        with pytest.raises(TapwatchError, match=r"tapwatch did not read 127\.0\.0\.1:1/1"):
            await measure(nowhere, running, rounds=1)


def test_the_peer_is_given_one_metric_for_each_of_our_series() -> None:
    register_map = load_maps([])["default"]
    (module,) = yaml.safe_load(peer_settings(register_map))["modules"]
    ours = {series for value in register_map.values for series in value.series}
    assert {(one["name"], tuple(sorted(one["labels"].items()))) for one in module["metrics"]} == ours
