"""The documentation as pages of the demo, so that the links in messages open without the internet."""

import posixpath
import re
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

import alerting

PUBLIC = "https://github.com/tapwatch/tapwatch/blob/main/"
"""Where the documentation is for everybody; the shipped rules link there."""
RUNBOOKS = "docs/runbooks/"
TRANSLATED = {"zh-TW": f"{RUNBOOKS}zh-TW/"}
"""Where the runbooks are in other languages."""

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def find_documents() -> Path | None:
    """Find the folder that has `docs/`; None for an installation without, as from a wheel."""
    folder = Path(alerting.__file__).parent.parent
    return folder if (folder / RUNBOOKS).is_dir() else None


def find_document(folder: Path, path: str) -> Path | None:
    """Find a page of `docs/`; None when there is none, or the path leads out of it."""
    file = (folder / path).resolve()
    is_page = file.is_relative_to((folder / "docs").resolve()) and file.suffix == ".md" and file.is_file()
    return file if is_page else None


def runbooks_in(language: str) -> str:
    """Name the runbooks' folder in the language, in English where they are not translated."""
    return TRANSLATED.get(language, RUNBOOKS)


def language_of(path: str) -> str:
    """Tell the language that a page is written in."""
    return next((language for language, folder in TRANSLATED.items() if path.startswith(folder)), "en")


def translations_of(path: str) -> dict[str, str]:
    """Name the same page in each language, by language; nothing for pages of one language."""
    name = posixpath.basename(path)
    folders = {"en": RUNBOOKS, **TRANSLATED}
    if f"{posixpath.dirname(path)}/" not in folders.values():
        return {}
    return {language: f"{folder}{name}" for language, folder in folders.items()}


def title_of(text: str) -> str:
    """Take the title of a page."""
    match = _TITLE.search(text)
    return match[1] if match else "Documentation"


def render_document(path: str, text: str) -> str:
    """Render a page's markdown as HTML; `path` is its place in the repository, as `docs/rules.md`.

    Links to other pages of `docs/` stay relative, those to anything else in the repository lead to the public one.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("link_open", _open_link)
    html: str = markdown.render(text, {"path": path})
    return html


def _open_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Any,  # noqa: ANN401 - the library's signature
    environment: MutableMapping[str, Any],
) -> str:
    token = tokens[index]
    token.attrs["href"] = _target(environment["path"], str(token.attrs["href"]))
    return renderer.renderToken(tokens, index, options, environment)


def _target(page: str, link: str) -> str:
    parts = urlsplit(link)
    if parts.scheme or not parts.path:
        return link
    place = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path))
    if place.startswith("docs/") and place.endswith(".md"):
        return link
    return f"{PUBLIC}{place}"
