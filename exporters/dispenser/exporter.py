"""The dispenser exporter: `/probe` reads a dispenser for Prometheus, `/sd` lists the inventory."""

import glob
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
from aiohttp import hdrs, web
from pydantic import Field
from yarl import URL

from exporters.dispenser.address import DeviceAddress, Gateway, parse_address
from exporters.dispenser.exposition import CONTENT_TYPE, render
from exporters.dispenser.inventory import Inventory, load_inventory
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.modbus import Line, LineMetrics
from exporters.dispenser.plan import plan_reads
from exporters.dispenser.probe import Module, Probe, probe
from exporters.dispenser.registermap import RegisterMap
from tapwatch import catalogue
from tapwatch.errors import Fault, Faults
from tapwatch.instruments import counter, gauge
from tapwatch.settings import RelativePath, Seconds, Settings, load
from tapwatch.web import Service, own_registry

log = structlog.get_logger()

DEFAULT_MODULE = "default"

_DEFAULT_BUDGET_SECONDS = 10.0
"""For a probe that does not say how long Prometheus will wait; Prometheus' own default."""
_ANSWER_SECONDS = 0.5
"""Kept back from Prometheus' timeout for the way back, as blackbox_exporter does."""
_IDLE_LINE_SECONDS = 600.0
"""A line that nobody asked for so long is closed and forgotten."""


class ExporterSettings(Settings):
    """The settings file."""

    maps: list[RelativePath] = Field(default_factory=list)
    """Register maps beside the built-in ones; `*` stands for any file."""
    inventory: list[RelativePath] = Field(default_factory=list)
    """The files of the fleet, YAML or CSV."""
    timeout: Annotated[Seconds, Field(gt=0)] = 2.0
    """The longest wait for one Modbus answer."""


@dataclass(frozen=True)
class State:
    """Everything that came from files; replaced as a whole by a reload."""

    timeout: float
    modules: Mapping[str, Module]
    inventory: Inventory

    @classmethod
    def load(cls, file: Path | None) -> "State":
        """Read the settings and all that they name; raises ConfigError with every fault."""
        settings = ExporterSettings() if file is None else load(file, ExporterSettings)
        faults = Faults()
        maps: Mapping[str, RegisterMap] | None = None
        with faults.collect():
            maps = load_maps(_expand(settings.maps, f"{file}: maps", faults))
        with faults.collect():
            inventory = load_inventory(_expand(settings.inventory, f"{file}: inventory", faults), maps)
        faults.raise_if_any()
        modules = {name: Module(one, plan_reads(one)) for name, one in (maps or {}).items()}
        return cls(settings.timeout, modules, inventory)


def _expand(patterns: list[Path], place: str, faults: Faults) -> list[Path]:
    """The files that the patterns name, in order; a pattern that names none is a fault."""
    paths: list[Path] = []
    for index, pattern in enumerate(patterns):
        found = [Path(name) for name in sorted(glob.glob(str(pattern)))]  # noqa: PTH207 - absolute patterns too
        if not found:
            faults.add(Fault(f"{place}[{index}]", None, "", f"no file is named {pattern}"))
        paths += [path for path in found if path not in paths]
    return paths


class Lines:
    """The lines to all gateways that were asked for lately."""

    def __init__(self, metrics: LineMetrics) -> None:
        self._metrics = metrics
        self._lines: dict[Gateway, Line] = {}
        self._used: dict[Gateway, float] = {}

    def to(self, gateway: Gateway) -> Line:
        """The one line to a gateway."""
        now = time.monotonic()
        if gateway not in self._lines:
            self._forget_idle(now)
            self._lines[gateway] = Line(gateway, self._metrics)
        self._used[gateway] = now
        return self._lines[gateway]

    def close(self) -> None:
        """Close all."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    def _forget_idle(self, now: float) -> None:
        for gateway in [one for one, used in self._used.items() if now - used > _IDLE_LINE_SECONDS]:
            if not self._lines[gateway].busy:
                self._lines.pop(gateway).close()
                del self._used[gateway]


@dataclass(frozen=True)
class Request:
    """A probe's URL, understood."""

    address: DeviceAddress
    module: Module
    budget: float
    debug: bool


class Exporter:
    """The process: its state, its lines and its answers."""

    def __init__(self, config_file: Path | None) -> None:
        """Read the settings; raises ConfigError."""
        self._file = config_file
        self.registry = own_registry()
        self._probes = counter(catalogue.PROBES, self.registry)
        self._size = gauge(catalogue.INVENTORY_DISPENSERS, self.registry)
        self._lines = Lines(LineMetrics(self.registry))
        self.reload()

    @property
    def service(self) -> Service:
        """The exporter as the shared web server takes it."""
        return Service(
            name="dispenser-exporter",
            routes=[web.get("/probe", self.answer_probe), web.get("/sd", self.answer_discovery)],
            registry=self.registry,
            reload=self.reload,
            background=self._open_lines,
            links=["/sd", *(str(self._probe_url(one.address)) for one in self._state.inventory.dispensers[:1])],
        )

    def reload(self) -> None:
        """Read the settings again and swap them in; raises ConfigError and keeps the old ones.

        Probes in flight end with the settings they began with, and connections are kept.
        """
        self._state = State.load(self._file)
        self._size.set(len(self._state.inventory.dispensers))

    async def answer_discovery(self, _request: web.Request) -> web.Response:
        """GET /sd: the inventory as Prometheus' HTTP service discovery."""
        return web.json_response(self._state.inventory.targets())

    async def answer_probe(self, request: web.Request) -> web.Response:
        """GET /probe?target=ADDRESS&module=MAP: 200 with `dispenser_up`, 400 when the request itself is wrong."""
        state = self._state
        try:
            asked = _understand(request, state)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        line = self._lines.to(asked.address.gateway)
        result = await probe(line, asked.address.unit, asked.module, asked.budget, state.timeout)
        self._note(asked.address, result)
        text = render(result.samples)
        if asked.debug:
            return web.Response(text=_debug_page(asked, result, text))
        return web.Response(body=text.encode(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    def _note(self, address: DeviceAddress, result: Probe) -> None:
        self._probes.labels("ok" if result.error is None else result.error.reason).inc()
        if result.error is not None:
            log.info("probe.failed", target=str(address), reason=str(result.error.reason), error=str(result.error))

    @asynccontextmanager
    async def _open_lines(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._lines.close()

    @staticmethod
    def _probe_url(address: DeviceAddress) -> URL:
        return URL("/probe").with_query(target=str(address), debug="true")


def _understand(request: web.Request, state: State) -> Request:
    """Raises ValueError with a sentence for the person who wrote the request."""
    target = request.query.get("target", "")
    if not target:
        raise ValueError("target is missing: /probe?target=10.0.5.7:502/17&module=default")
    address = parse_address(target)
    known = state.inventory.by_address.get(address)
    name = request.query.get("module") or (known.module if known else DEFAULT_MODULE)
    if name not in state.modules:
        raise ValueError(f"unknown module {name!r}; the register maps are: {', '.join(sorted(state.modules))}")
    debug = request.query.get("debug", "").lower() == "true"
    return Request(address, state.modules[name], _budget(request), debug)


def _budget(request: web.Request) -> float:
    """Seconds until Prometheus gives up, less the time the answer takes; raises ValueError."""
    header = "X-Prometheus-Scrape-Timeout-Seconds"
    text = request.headers.get(header, str(_DEFAULT_BUDGET_SECONDS))
    try:
        timeout = float(text)
    except ValueError:
        timeout = -1
    if not 0 < timeout < float("inf"):
        raise ValueError(f"{header} is {text!r}, which is no number of seconds above 0")
    return max(timeout - _ANSWER_SECONDS, timeout / 2)


def _debug_page(asked: Request, result: Probe, text: str) -> str:
    """What happened, for the person who writes a map or looks for a broken wire."""
    outcome = "up" if result.error is None else f"{result.error.reason}: {result.error}"
    reads = ", ".join(str(read) for read in asked.module.reads)
    values = [
        f"{one.value.place} {one.value.type} raw {one.raw.hex()} = {one.number:g}"
        f" -> {one.value.metric.name} {dict(one.value.labels) or ''} {one.discarded or ''}".rstrip()
        for one in result.decoded
    ]
    parts = {
        "Probe": [f"target {asked.address}, map {asked.module.map.name}, {asked.budget:g} s at most", outcome],
        "Plan": [reads],
        "Exchanges": result.exchanges or ["none"],
        "Values": values or ["none"],
        "Metrics that Prometheus would get": [text],
    }
    return "\n".join(f"{title}:\n" + "".join(f"  {line}\n" for line in lines) for title, lines in parts.items())
