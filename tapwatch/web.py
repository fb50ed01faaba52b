"""The web server that every process shares: metrics, health, readiness, reload, TLS, and a graceful end."""

import asyncio
import html
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from tapwatch import __version__, catalogue, servicemanager
from tapwatch.errors import ConfigError, TapwatchError
from tapwatch.instruments import counter, gauge, histogram
from tapwatch.webconfig import WebGate

log = structlog.get_logger()

LARGEST_PORT = 65535

DRAIN_SECONDS = 25.0
"""How long requests in flight may take after SIGTERM; Kubernetes kills after 30 s."""


def own_registry() -> CollectorRegistry:
    """A registry with what every process says of itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    gauge(catalogue.BUILD_INFO, registry).labels(__version__).set(1)
    return registry


def always_ready() -> str | None:
    """For a service that is ready as soon as it listens."""
    return None


@dataclass(frozen=True)
class Service:
    """What one process adds to the shared server."""

    name: str
    """The subcommand's name, as `dispenser-exporter`."""
    routes: Sequence[web.AbstractRouteDef]
    registry: CollectorRegistry
    exposition: Callable[[], bytes] | None = None
    """More metrics in Prometheus' text format, from where the registry's collectors would be too slow."""
    reload: Callable[[], None] | None = None
    """Reads the settings again and swaps them in whole; raises ConfigError and leaves the old ones running."""
    readiness: Callable[[], str | None] = always_ready
    """None when ready, else a sentence that says what is missing."""
    background: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Entered before the first request is taken, left when the last is answered."""
    max_body_bytes: int = 1024**2
    links: Sequence[str] = ()
    """Paths of its own to show on the landing page."""
    landing: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """A page of its own at `/`, in place of the list of links."""


@dataclass(frozen=True)
class Address:
    """Where a process listens: host and port, port 0 for any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`127.0.0.1:9802`, `[::1]:9802`, or `:9802` for every interface; raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > LARGEST_PORT:
            raise ValueError(f"{text!r} is not HOST:PORT (as 127.0.0.1:9802, or :9802 for every interface)")
        if ":" in host and not (host.startswith("[") and host.endswith("]")):
            raise ValueError(f"{text!r}: an IPv6 address stands in brackets, as [::1]:9802")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Server:
    """One process' web server around its service."""

    def __init__(self, service: Service, gate: WebGate) -> None:
        self._service = service
        self._gate = gate
        self._draining = False
        registry = service.registry
        self._requests = counter(catalogue.HTTP_REQUESTS, registry)
        self._seconds = histogram(catalogue.HTTP_REQUEST_SECONDS, registry, (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30))
        self._reload_ok = gauge(catalogue.CONFIG_RELOAD_SUCCESSFUL, registry)
        self._reload_time = gauge(catalogue.CONFIG_RELOAD_TIME, registry)
        self._note_reload(successful=True)
        self.application = web.Application(
            middlewares=[self._measure, gate.authenticate], client_max_size=service.max_body_bytes
        )
        self.application.add_routes(
            [
                web.get("/", service.landing or self._landing),
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.post("/-/reload", self._reload_request),
                *service.routes,
            ]
        )

    @asynccontextmanager
    async def running(self, address: Address) -> AsyncIterator[Address]:
        """Listening while the context lasts; yields the address with its real port.

        Raises TapwatchError when the address is taken. Requests in flight are answered before the context ends.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._service.background())
            runner = web.AppRunner(self.application, access_log=None, shutdown_timeout=DRAIN_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(
                runner, address.host or None, address.port, ssl_context=self._gate.ssl_context, reuse_address=True
            )
            try:
                await site.start()
            except OSError as error:
                raise TapwatchError(f"cannot listen on {address}: {error.strerror}") from error
            yield Address(address.host, int(runner.addresses[0][1]))

    def drain(self) -> None:
        """From now on say not ready, so that load balancers send no more."""
        self._draining = True

    def reload(self) -> None:
        """Read all settings again; raises ConfigError and keeps the old ones."""
        try:
            self._gate.reload()
            if self._service.reload is not None:
                self._service.reload()
        except ConfigError as error:
            self._note_reload(successful=False)
            log.error("config.reload_failed", faults=[str(fault) for fault in error.faults])  # noqa: TRY400 - the faults say it all
            raise
        self._note_reload(successful=True)
        log.info("config.reloaded")

    def reload_on_signal(self) -> None:
        """As `reload`, for SIGHUP, where nobody waits for an answer."""
        try:
            self.reload()
        except ConfigError:
            return  # logged and counted

    def _note_reload(self, *, successful: bool) -> None:
        self._reload_ok.set(successful)
        if successful:
            self._reload_time.set(time.time())

    @web.middleware
    async def _measure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else "unknown"
        code = 500
        try:
            response = await handler(request)
            code = response.status
        except web.HTTPException as error:
            code = error.status
            raise
        else:
            return response
        finally:
            self._requests.labels(path, str(code)).inc()
            self._seconds.labels(path).observe(time.perf_counter() - started)

    async def _landing(self, _request: web.Request) -> web.Response:
        paths = [*self._service.links, "/metrics", "/-/healthy", "/-/ready"]
        items = "".join(f'<li><a href="{html.escape(path)}">{html.escape(path)}</a></li>' for path in paths)
        title = html.escape(f"Tapwatch {self._service.name} {__version__}")
        page = f"<!doctype html><title>{title}</title><h1>{title}</h1><ul>{items}</ul>"
        return web.Response(text=page, content_type="text/html")

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        more = b""
        if self._service.exposition is not None:
            encode, content_type, more = generate_latest, CONTENT_TYPE_PLAIN_0_0_4, self._service.exposition()
        response = web.Response(body=encode(self._service.registry) + more, headers={hdrs.CONTENT_TYPE: content_type})
        response.enable_compression()
        return response

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text=f"tapwatch {self._service.name} is healthy.\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        reason = "it is shutting down" if self._draining else self._service.readiness()
        if reason is None:
            return web.Response(text=f"tapwatch {self._service.name} is ready.\n")
        return web.Response(status=503, text=f"tapwatch {self._service.name} is not ready: {reason}.\n")

    async def _reload_request(self, _request: web.Request) -> web.Response:
        try:
            self.reload()
        except ConfigError as error:
            return web.Response(status=500, text=f"The old settings keep running:\n{error}\n")
        return web.Response(text="The settings were read again.\n")


async def serve(service: Service, address: Address, web_config: Path | None) -> None:
    """Run until SIGTERM or SIGINT, reload on SIGHUP; requests in flight are answered before it returns.

    Raises ConfigError for the web settings, TapwatchError when the address is taken.
    """
    gate = WebGate(web_config)
    server = Server(service, gate)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, server.reload_on_signal)
    async with server.running(address) as bound:
        log.info("process.listening", process=service.name, address=str(bound), tls=gate.ssl_context is not None)
        servicemanager.tell(servicemanager.READY)
        await stop.wait()
        servicemanager.tell(servicemanager.STOPPING)
        log.info("process.draining", process=service.name)
        server.drain()
    log.info("process.stopped", process=service.name)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
