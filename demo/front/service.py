"""The demo's front page as a web service: state, links, and what breaks and mends things."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from yarl import URL

from demo.front import documents
from demo.front.state import look
from demo.observer import Observer
from demo.pipeline import Pipeline
from demo.ports import HOST
from demo.status import links
from exporters.dispenser.simulator.faults import DESCRIPTIONS
from tapwatch.web import Address, Server, Service, own_registry
from tapwatch.webconfig import WebGate

_OUR_NAMES = {HOST, "localhost"}
_PATIENCE = aiohttp.ClientTimeout(5)
_ASSETS = {"css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PAGES = Environment(
    loader=PackageLoader("demo.front", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@asynccontextmanager
async def serving_front_page(pipeline: Pipeline) -> AsyncIterator[None]:
    """Serve the demo's own pages while the context lasts. Raises TapwatchError when the port is taken."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        server = Server(_Front(pipeline, session).service, WebGate(None))
        server.application.middlewares.append(refuse_other_sites)
        async with server.running(Address(HOST, pipeline.ports.by_process["demo"])):
            yield


class _Front:
    def __init__(self, pipeline: Pipeline, session: aiohttp.ClientSession) -> None:
        self._pipeline = pipeline
        self._session = session
        self._observer = Observer(session, pipeline.ports)
        self._one_act_at_a_time = asyncio.Lock()

    @property
    def service(self) -> Service:
        """The pages as the shared web server takes them."""
        return Service(
            name="demo",
            routes=[
                web.get("/page.{kind:css|js}", self.show_asset),
                web.get("/state", self.show_state),
                web.get("/docs/{path:.+}", self.show_document),
                web.get("/d/{dashboard}", self.show_dashboard),
                web.post("/dispensers/{name}/faults/{fault}", self.inject),
                web.post("/dispensers/{name}/clear", self.clear),
                web.post("/dispensers/clear", self.clear_all),
                web.post("/replicas/{number:[0-9]+}/{act:kill|hang|mend}", self.act_on_replica),
            ],
            registry=own_registry(),
            landing=self.show_front,
        )

    async def show_front(self, _request: web.Request) -> web.Response:
        """GET /: the page, which asks for the state by itself."""
        return _page(
            "page.html",
            links=links(self._pipeline),
            faults=DESCRIPTIONS if self._pipeline.options.inventory is None else {},
            folder=self._pipeline.folder,
            runbooks="/" if self._pipeline.documents else documents.PUBLIC,
        )

    async def show_asset(self, request: web.Request) -> web.Response:
        """GET /page.css and /page.js."""
        kind = request.match_info["kind"]
        text = files("demo.front").joinpath(f"page.{kind}").read_text(encoding="utf-8")
        return web.Response(text=text, content_type=_ASSETS[kind], headers=_HEADERS)

    async def show_state(self, _request: web.Request) -> web.Response:
        """GET /state: everything that changes, as JSON."""
        return web.json_response(asdict(await look(self._pipeline, self._observer)), headers=_HEADERS)

    async def show_document(self, request: web.Request) -> web.Response:
        """GET /docs/PAGE.md: the documentation, with this demo's addresses in its commands."""
        path = f"docs/{request.match_info['path']}"
        folder = self._pipeline.documents
        if folder is None:
            sentence = "The documentation is not part of this installation. It is at"
            return _page("missing.html", HTTPStatus.NOT_FOUND, sentence=sentence, link=f"{documents.PUBLIC}{path}")
        file = documents.find_document(folder, path)
        if file is None:
            sentence = f"There is no page {path}. The runbooks are listed at"
            return _page("missing.html", HTTPStatus.NOT_FOUND, sentence=sentence, link="/docs/runbooks/README.md")
        text = self._pipeline.ports.translate(file.read_text(encoding="utf-8"))
        return _page(
            "document.html",
            title=documents.title_of(text),
            body=Markup(documents.render_document(path, text)),  # noqa: S704 - rendered with HTML switched off
            language=documents.language_of(path),
            translations=documents.translations_of(path),
        )

    async def show_dashboard(self, _request: web.Request) -> web.Response:
        """GET /d/DASHBOARD: where links to dashboards lead when there is no Grafana."""
        sentence = f"This demo has no dashboards. Grafana: {self._pipeline.grafana}. Back to"
        return _page("missing.html", HTTPStatus.NOT_FOUND, sentence=sentence, link="/")

    async def inject(self, request: web.Request) -> web.Response:
        """POST /dispensers/NAME/faults/FAULT: as `tapwatch simulate inject`."""
        return await self._tell_campus(
            "POST", "dispensers", request.match_info["name"], "faults", request.match_info["fault"]
        )

    async def clear(self, request: web.Request) -> web.Response:
        """POST /dispensers/NAME/clear: as `tapwatch simulate clear NAME`."""
        return await self._tell_campus("DELETE", "dispensers", request.match_info["name"], "faults")

    async def clear_all(self, _request: web.Request) -> web.Response:
        """POST /dispensers/clear: as `tapwatch simulate clear --all`."""
        return await self._tell_campus("DELETE", "faults")

    async def act_on_replica(self, request: web.Request) -> web.Response:
        """POST /replicas/NUMBER/ACT: kill, hang or mend a simulated API server."""
        number, act = int(request.match_info["number"]), request.match_info["act"]
        replicas = self._pipeline.replicas
        if not 1 <= number <= len(replicas):
            return _said(HTTPStatus.NOT_FOUND, f"there is no simulated API server {number}")
        replica = replicas[number - 1]
        async with self._one_act_at_a_time:
            await {"kill": replica.kill, "hang": replica.hang, "mend": replica.mend_process}[act]()
        return _said(HTTPStatus.OK, "done")

    async def _tell_campus(self, method: str, *path: str) -> web.Response:
        """Pass an act on, and the campus' sentence back."""
        if self._pipeline.options.inventory is not None:
            return _said(HTTPStatus.NOT_FOUND, "the dispensers are your own, and nothing here breaks them")
        url = self._pipeline.ports.url("campus", "".join(f"/{quote(part, safe='')}" for part in path))
        try:
            async with self._session.request(method, URL(url, encoded=True)) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            return _said(HTTPStatus.BAD_GATEWAY, f"the campus does not answer: {error or type(error).__name__}")
        return _said(response.status, "done" if response.ok else text.strip())


@web.middleware
async def refuse_other_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take acts from our own page alone: another site that is open in the same browser must not break anything.

    A browser names the page's origin with every POST. A foreign name that leads to loopback is refused, too.
    """
    if request.method == hdrs.METH_POST:
        origin = request.headers.get(hdrs.ORIGIN, "")
        if origin != f"http://{request.host}" or urlsplit(origin).hostname not in _OUR_NAMES:
            return _said(HTTPStatus.FORBIDDEN, "only the demo's own page may do this; elsewhere: tapwatch simulate")
    return await handler(request)


def _said(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n", headers=_HEADERS)


def _page(template: str, status: int = HTTPStatus.OK, **values: object) -> web.Response:
    text = _PAGES.get_template(template).render(**values)
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)
