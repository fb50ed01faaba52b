"""A real Prometheus with the shipped scrape jobs, each dispenser by itself and whole gateways: the same series."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from demo.servers import locate
from exporters.dispenser.simulator.campus import Campus, SimulatedDispenser
from exporters.dispenser.simulator.layout import Layout
from laboratory.processes import running
from laboratory.rules.shipped import SCRAPE_JOBS
from laboratory.servers.daemon import Daemon
from tapwatch.web import free_port

DISPENSERS = 12
CAMPUS = Layout(dispensers=DISPENSERS, units_per_gateway=4, rtu_share=0.34, serial_lines=1, speed=0)
PLACE = ("dispenser", "site", "building", "floor", "module", "gateway", "instance", "job")


def shipped_job(path: str) -> dict[str, Any]:
    """The job that asks for the path, whether or not it stands in a comment."""
    text = re.sub(r"^  # (- job_name|  )", r"  \1", SCRAPE_JOBS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = (one for one in yaml.safe_load(text)["scrape_configs"] if one.get("metrics_path") == path)
    job: dict[str, Any] = found
    return job


def place_of(dispenser: SimulatedDispenser) -> tuple[str, ...]:
    """Its labels, in the order of `PLACE`."""
    own = [dispenser.entry[name] for name in ("name", "site", "building", "floor", "module")]
    return *own, str(dispenser.unit.address.gateway), str(dispenser.unit.address), "dispensers"


@asynccontextmanager
async def prometheus(folder: Path, job: dict[str, Any], exporter: str) -> AsyncIterator[str]:
    """A Prometheus with this job for the exporter at that address; its URL."""
    text = yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]})
    (folder / "prometheus.yaml").write_text(text.replace("127.0.0.1:9802", exporter), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    command: list[str | Path] = [
        await asyncio.to_thread(locate, "prometheus"),
        *options,
        f"--web.listen-address={address}",
    ]
    server = Daemon("prometheus", command, folder / "prometheus.log")
    try:
        yield f"http://{address}"
    finally:
        server.kill()


async def query(url: str, expression: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v1/query", params={"query": expression}) as response,
    ):
        found: list[dict[str, Any]] = (await response.json())["data"]["result"]
        return found


async def all_up(url: str) -> list[dict[str, Any]]:
    """The samples of `dispenser_up`, once every dispenser has one."""
    async with asyncio.timeout(60):
        while True:
            try:
                found = await query(url, "dispenser_up")
            except aiohttp.ClientError:
                found = []
            if len(found) == DISPENSERS:
                return found
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(("path", "targets"), [("/probe", DISPENSERS), ("/gateway", 3)])
async def test_the_shipped_jobs_give_every_series_its_dispensers_labels(
    path: str, targets: int, tmp_path: Path
) -> None:
    async with Campus.start(CAMPUS) as campus:
        campus.write_inventory(tmp_path / "dispensers.yaml")
        (tmp_path / "settings.yaml").write_text("inventory: [./dispensers.yaml]\ntargets: inventory\n", "utf-8")
        config = f"--config.file={tmp_path / 'settings.yaml'}"
        async with (
            running(tmp_path, "dispenser-exporter", config) as exporter,
            prometheus(tmp_path, shipped_job(path), exporter.url.removeprefix("http://")) as url,
        ):
            up = await all_up(url)
            places = {tuple(one["metric"][name] for name in PLACE) for one in up}
            assert places == {place_of(one) for one in campus.dispensers.values()}
            assert {one["value"][1] for one in up} == {"1"}
            wanted = '{__name__=~"dispenser_.+",__name__!~"dispenser_probe_.+"}'  # those come and go with a slow start
            (series,) = await query(url, f"count(last_over_time({wanted}[1m]))")
            assert int(series["value"][1]) == DISPENSERS * (62 + len(("up",)))
            assert len(await query(url, 'up{job="dispensers"} == 1')) == targets
