"""Scrape ill gateways through the real exporter, and ask for an explanation of every gap."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from bench.candidate import RunningCandidate, running_candidate, tapwatch
from tests.soak.gateway import EXPLANATIONS, UNITS, Fault, IllGateway, number_of

_ADDRESSES = (3, 4, 5, 40, 41)
_INTERVAL_SECONDS = 0.5
_SCRAPE_SECONDS = 3.0
"""Told to the exporter as Prometheus' timeout."""
_SUSPENDED_SECONDS = 30.0
"""For so long after a fault a unit may be left alone: a suspension of 20 s, and 5 s until its trial finds a gap."""
_LATE_SECONDS = 1.0
"""Of a busy machine."""


@dataclass
class Scrape:
    """How one scrape of one unit ended."""

    gateway: int
    unit: int
    began: float
    ended: float
    up: bool
    reason: str = ""
    suspended: bool = False


@dataclass
class Record:
    """What a soak has seen."""

    scrapes: list[Scrape] = field(default_factory=list)
    faults: list[list[Fault]] = field(default_factory=list)
    """By gateway."""
    megabytes: list[float] = field(default_factory=list)
    """Of the exporter, at each look."""
    descriptors: list[int] = field(default_factory=list)
    """Files and sockets that the exporter has open, at each look."""

    @property
    def ends(self) -> Counter[str]:
        """How many scrapes were good, and how many failed for each reason."""
        return Counter("up" if one.up else one.reason for one in self.scrapes)

    def unexplained(self) -> Iterator[str]:
        """The gaps whose reason is not one of a fault at that time."""
        for scrape in self.scrapes:
            faults = [one for one in self.faults[scrape.gateway] if _overlap(scrape, one)]
            if not scrape.up and not any(scrape.reason in EXPLANATIONS[one.kind] for one in faults):
                kinds = ", ".join(one.kind for one in faults) or "nothing"
                yield f"{scrape}: {kinds} at that time"


def _overlap(scrape: Scrape, fault: Fault) -> bool:
    after = _SUSPENDED_SECONDS if scrape.suspended else 0.0
    return fault.began <= scrape.ended and scrape.began <= fault.ended + after + _LATE_SECONDS


async def soak(folder: Path, seconds: float, *, gateways: int, seed: int) -> Record:
    """Let `gateways` fall ill and recover for so long, while every unit is scraped twice a second.

    Raises AssertionError for a wrong value, a scrape without an answer in time, or a gap without a reason.
    """
    register_map = folder / "soak.yaml"
    register_map.write_text(_map(), encoding="utf-8")
    ill = [IllGateway(seed + number, time.monotonic) for number in range(gateways)]
    record = Record(faults=[one.faults for one in ill])
    for one in ill:
        await one.gateway.start()
    tasks = [asyncio.create_task(one.fall_ill_and_recover()) for one in ill]
    try:
        async with running_candidate(tapwatch(maps=[register_map]), folder) as running:
            watching = asyncio.create_task(_watch(running, record))
            await _scrape_all(running.url, ill, time.monotonic() + seconds, record)
            watching.cancel()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in ill:
            await one.gateway.stop()
    return record


def _map() -> str:
    registers = [
        {"at": f"h{address}", "type": "u16", "metric": "soak_number", "labels": {"at": str(address)}}
        for address in _ADDRESSES
    ]
    return yaml.safe_dump({"metrics": {"soak_number": {"type": "gauge", "help": "Its own."}}, "registers": registers})


async def _watch(running: RunningCandidate, record: Record) -> None:
    while True:
        await asyncio.sleep(1)
        record.megabytes.append(running.process.memory_bytes() / 1e6)
        record.descriptors.append(running.process.handle.num_fds())


async def _scrape_all(url: URL, gateways: Sequence[IllGateway], until: float, record: Record) -> None:
    timeout = aiohttp.ClientTimeout(total=_SCRAPE_SECONDS + _LATE_SECONDS)
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": f"{_SCRAPE_SECONDS:g}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(url, timeout=timeout, headers=headers, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        for place, ill in enumerate(gateways):
            for unit in UNITS:
                group.create_task(_scrape_one(session, (place, unit), ill.gateway.port, until, record))


async def _scrape_one(
    session: aiohttp.ClientSession, who: tuple[int, int], port: int, until: float, record: Record
) -> None:
    place, unit = who
    parameters = {"target": f"127.0.0.1:{port}/{unit}", "module": "soak"}
    while (began := time.monotonic()) < until:
        async with session.get("/probe", params=parameters) as answer:
            text = await answer.text()
        assert answer.status == 200, text
        scrape = Scrape(place, unit, began, time.monotonic(), up=False)
        _read(text, scrape)
        record.scrapes.append(scrape)
        await asyncio.sleep(max(0, began + _INTERVAL_SECONDS - time.monotonic()))


def _read(text: str, scrape: Scrape) -> None:
    numbers: dict[int, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "soak_number":
                numbers[int(sample.labels["at"])] = sample.value
            elif sample.name == "dispenser_up":
                scrape.up = sample.value == 1
            elif sample.name == "dispenser_probe_suspended":
                scrape.suspended = sample.value == 1
            elif sample.name == "dispenser_probe_failure_info":
                scrape.reason = sample.labels["reason"]
    right = {address: float(number_of(scrape.unit, address)) for address in _ADDRESSES}
    assert numbers == (right if scrape.up else {}), f"{scrape}: {numbers}"
    assert scrape.up != bool(scrape.reason), scrape
