"""The bridge's pages for people: HTML without scripts, which works on a phone."""

from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("alerting.dingtalk.pages", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def page(template: str, status: int = 200, **values: object) -> web.Response:
    """A page; whatever others wrote is shown as text."""
    text = _ENVIRONMENT.get_template(template).render(values)
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


async def style(_request: web.Request) -> web.Response:
    """GET /style.css."""
    text = files(__name__).joinpath("style.css").read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/css", headers=_HEADERS | {"Cache-Control": "max-age=3600"})
