"""One candidate's figures: the whole fleet scraped several times over, its CPU time and the line's traffic counted."""

import http.client
import time
from dataclasses import dataclass

from bench.candidate import RunningCandidate
from bench.fleet import Fleet
from bench.scrape import Scraper
from tapwatch import catalogue
from tapwatch.errors import TapwatchError

_OWN = (catalogue.DISPENSER_UP.name, "dispenser_probe_")
"""What our exporter says of the probe itself."""


@dataclass(frozen=True)
class Figures:
    """For one scrape of one dispenser, on average, unless it says otherwise."""

    name: str
    scrapes: int
    devices_per_second: float
    cpu_milliseconds: float
    requests: float
    connections: float
    line_bytes: float
    """Modbus TCP frames both ways, without TCP's own headers."""
    series: int
    memory_megabytes: float

    @property
    def devices_per_cpu_second(self) -> float:
        """How many scrapes one second of the exporter's CPU time is enough for."""
        return 1000 / self.cpu_milliseconds


async def measure(fleet: Fleet, running: RunningCandidate, rounds: int) -> Figures:
    """Scrape the fleet once to warm up, then `rounds` times, one dispenser after the other.

    One at a time, since modbus_exporter 0.4.1 dies of concurrent map writes when scrapes overlap. Raises TapwatchError
    when a scrape fails: a candidate that does not read is not measured.
    """
    async with Scraper(running.url) as scraper:
        series = await _scrape_all(scraper, running, fleet)
        before, cpu, started = await fleet.traffic(), running.process.cpu_seconds(), time.perf_counter()
        for _ in range(rounds):
            await _scrape_all(scraper, running, fleet)
        seconds, cpu = time.perf_counter() - started, running.process.cpu_seconds() - cpu
        traffic = await fleet.traffic() - before
    scrapes = rounds * len(fleet.addresses)
    return Figures(
        name=running.candidate.name,
        scrapes=scrapes,
        devices_per_second=scrapes / seconds,
        cpu_milliseconds=1000 * cpu / scrapes,
        requests=traffic.requests / scrapes,
        connections=traffic.connections / scrapes,
        line_bytes=traffic.bytes / scrapes,
        series=series,
        memory_megabytes=running.process.memory_bytes() / 1e6,
    )


async def _scrape_all(scraper: Scraper, running: RunningCandidate, fleet: Fleet) -> int:
    """The number of device series of the last dispenser."""
    text = ""
    for address in fleet.addresses:
        answer = (await scraper.get(running.probe_path(address))).answer
        text = answer.body.decode()
        if answer.status != http.client.OK or catalogue.DISPENSER_ENERGY.name not in text:
            raise TapwatchError(f"{running.candidate.name} did not read {address}:\n{text[:500]}")
    return sum(line.startswith("dispenser_") and not line.startswith(_OWN) for line in text.splitlines())
