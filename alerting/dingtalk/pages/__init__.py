"""The bridge's pages for people: HTML without scripts, which works on a phone."""

from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

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


def _style() -> str:
    return files(__name__).joinpath("style.css").read_text(encoding="utf-8")


def render(template: str, **values: object) -> str:
    """A page's HTML, with the style in it when it asks for it."""
    return _ENVIRONMENT.get_template(template).render(style=Markup(_style()), **values)  # noqa: S704 - our own file


def page(template: str, status: int = 200, **values: object) -> web.Response:
    """A page; whatever others wrote is shown as text."""
    text = render(template, **values)
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)


async def style(_request: web.Request) -> web.Response:
    """GET /style.css."""
    return web.Response(text=_style(), content_type="text/css", headers=_HEADERS | {"Cache-Control": "max-age=3600"})
