"""The exporter inside the test's own process: made from settings, scraped over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exporters.cluster.exporter import Exporter
from exporters.cluster.settings import load_plan
from tapwatch.catalogue import Metric
from tapwatch.web import Address, Server
from tapwatch.webconfig import WebGate

PATIENCE_SECONDS = 30.0


class Scrape:
    """The series of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def values(self, metric: Metric, **labels: str) -> list[float]:
        """The values of every series with these labels."""
        return [
            sample.value
            for sample in self._samples
            if sample.name == metric.name and labels.items() <= sample.labels.items()
        ]

    def labels(self, metric: Metric, name: str, **labels: str) -> list[str]:
        """The values of one label, of every series with these labels."""
        return [
            sample.labels[name]
            for sample in self._samples
            if sample.name == metric.name and labels.items() <= sample.labels.items()
        ]


@dataclass(frozen=True)
class Watching:
    """The running exporter."""

    url: str
    server: Server

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as response:
            return response.status, await response.text()

    async def scrape(self) -> Scrape:
        """What Prometheus would get now."""
        return Scrape((await self.get("/metrics"))[1])

    async def until(self, condition: Callable[[Scrape], bool], seconds: float = PATIENCE_SECONDS) -> Scrape:
        """The first scrape that fulfils the condition; fails when none does in time."""
        deadline = time.monotonic() + seconds
        while True:
            scrape = await self.scrape()
            if condition(scrape):
                return scrape
            assert time.monotonic() < deadline, f"not within {seconds:g} s:\n{scrape.text}"
            await asyncio.sleep(0.02)

    async def until_ready(self) -> None:
        """Wait for the first round."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (await self.get("/-/ready"))[0] != 200:
            assert time.monotonic() < deadline, (await self.get("/-/ready"))[1]
            await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(settings: Path) -> AsyncIterator[Watching]:
    """The exporter with this settings file."""
    server = Server(Exporter(lambda: load_plan(settings, {})).service, WebGate(None))
    async with server.running(Address("127.0.0.1", 0)) as address:
        yield Watching(f"http://{address}", server)
