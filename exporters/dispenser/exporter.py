"""The dispenser exporter: `/probe` and `/gateway` read dispensers for Prometheus, `/sd` lists them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import hdrs, web
from yarl import URL

from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.debug import debug_page
from exporters.dispenser.exposition import Format, Page, compress
from exporters.dispenser.fleet import Fleet
from exporters.dispenser.inventory import Dispenser
from exporters.dispenser.line import LineMetrics
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.request import GatewayRequest, ProbeRequest
from exporters.dispenser.settings import State
from tapwatch import catalogue
from tapwatch.instruments import counter, gauge
from tapwatch.web import Service, own_registry

log = structlog.get_logger()


class Exporter:
    """The process: its state, its fleet and its answers."""

    def __init__(self, config_file: Path | None) -> None:
        """Read the settings; raises ConfigError."""
        self._file = config_file
        self.registry = own_registry()
        self._probes = counter(catalogue.PROBES, self.registry)
        self._shared = counter(catalogue.PROBES_SHARED, self.registry)
        self._size = gauge(catalogue.INVENTORY_DISPENSERS, self.registry)
        self._fleet = Fleet(LineMetrics(self.registry))
        self._state = State.load(config_file)
        self._size.set(len(self._state.inventory.dispensers))

    @property
    def service(self) -> Service:
        """The exporter as the shared web server takes it."""
        first = self._state.inventory.dispensers[:1]
        return Service(
            name="dispenser-exporter",
            routes=[
                web.get("/probe", self.answer_probe),
                web.get("/gateway", self.answer_gateway),
                web.get("/sd", self.answer_discovery),
                web.get("/sd/gateways", self.answer_gateway_discovery),
            ],
            registry=self.registry,
            reload=self.reload,
            background=self._open_lines,
            links=[
                "/sd",
                "/sd/gateways",
                *(str(URL("/probe").with_query(target=str(one.address), debug="true")) for one in first),
                *(str(URL("/gateway").with_query(target=str(one.address.gateway))) for one in first),
            ],
        )

    def reload(self) -> None:
        """Read the settings again and swap them in; raises ConfigError and keeps the old ones.

        Probes in flight end with the settings they began with, and connections are kept.
        """
        before, self._state = self._state, State.load(self._file, self._state)
        self._fleet.use(self._state, before)
        self._size.set(len(self._state.inventory.dispensers))

    async def answer_discovery(self, _request: web.Request) -> web.Response:
        """GET /sd: the inventory as Prometheus' HTTP service discovery, for `/probe`."""
        return web.json_response(self._state.inventory.targets())

    async def answer_gateway_discovery(self, _request: web.Request) -> web.Response:
        """GET /sd/gateways: the inventory's gateways likewise, for `/gateway`."""
        return web.json_response(self._state.inventory.gateway_targets())

    async def answer_probe(self, request: web.Request) -> web.Response:
        """GET /probe?target=ADDRESS&module=MAP: 200 with `dispenser_up`, 400 when the request itself is wrong."""
        state = self._state
        try:
            asked = ProbeRequest.parse(request, state)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        if asked.debug:
            device = self._fleet.device(asked.address, asked.module, state)
            result = await device.explain(asked.budget)
            return web.Response(text=debug_page(asked, device, result))
        result = await self._probe(asked.address, asked.module, asked.budget, state)
        page = Page()
        _add(page, result)
        return _answer(request, page)

    async def answer_gateway(self, request: web.Request) -> web.Response:
        """GET /gateway?target=GATEWAY: every unit of the inventory behind it, with its labels; 400 as for a probe."""
        state = self._state
        try:
            asked = GatewayRequest.parse(request, state)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        results = await asyncio.gather(*self._probe_all(asked.dispensers, asked.budget, state))
        page = Page()
        for dispenser, result in zip(asked.dispensers, results, strict=True):
            _add(page, result, state.labels[dispenser.address])
        return _answer(request, page)

    def _probe_all(
        self, dispensers: Iterable[Dispenser], budget: float, state: State
    ) -> "Iterable[asyncio.Task[Probe]]":
        for one in dispensers:
            yield asyncio.ensure_future(self._probe(one.address, state.modules[one.module], budget, state))

    async def _probe(self, address: DeviceAddress, module: Module, budget: float, state: State) -> Probe:
        device = self._fleet.device(address, module, state)
        has_neighbours = self._fleet.has_neighbours(address.gateway)
        result, is_shared = await device.probe(budget, reuse=state.settings.reuse, has_neighbours=has_neighbours)
        self._probes.labels("ok" if result.error is None else result.error.reason).inc()
        if is_shared:
            self._shared.inc()
        elif result.error is not None and not result.suspended:
            reason, message = str(result.error.reason), str(result.error)
            log.info("probe.failed", target=str(address), reason=reason, error=message)
        return result

    @asynccontextmanager
    async def _open_lines(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._fleet.close()


def _add(page: Page, result: Probe, common: str = "") -> None:
    """The probe's own metrics, then what the registers said."""
    for metric, labels, value in result.own_samples:
        page.add(metric, labels, value, common)
    page.add_reading(result.module.families, result.reading.texts, common)


def _answer(request: web.Request, page: Page) -> web.Response:
    page_format = Format.accepted(request.headers.get(hdrs.ACCEPT, ""))
    body = page.render(page_format).encode()
    headers = {hdrs.CONTENT_TYPE: page_format.content_type, hdrs.VARY: "Accept, Accept-Encoding"}
    compressed = compress(body, request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    if compressed is not None:
        return web.Response(body=compressed, headers={**headers, hdrs.CONTENT_ENCODING: "gzip"})
    return web.Response(body=body, headers=headers)
