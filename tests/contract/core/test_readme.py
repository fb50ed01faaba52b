"""README in three languages: the same commands, outputs and links, so that a translation cannot fall behind unseen."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENGLISH = ROOT / "README.md"
TRANSLATIONS = (ROOT / "README.zh-TW.md", ROOT / "README.zh-CN.md")
PAGES = (ENGLISH, *TRANSLATIONS)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"\s+#\s.*$")
"""What is translated within a block; a path in a comment's own line is not."""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[tuple[str, list[str]]]:
    """Each block's language, and its lines without the comments behind them."""
    return [
        (language, [_COMMENT.sub("", line) for line in body.splitlines()])
        for language, body in _BLOCK.findall(text(page))
    ]


def links(page: Path) -> list[str]:
    """Where the page's links and pictures lead, in any order; not those to the other languages."""
    found = re.findall(r"\]\(([^)]+)\)", text(page))
    return sorted(link for link in found if link not in {one.name for one in PAGES})


@pytest.mark.parametrize("page", TRANSLATIONS, ids=lambda page: page.name)
def test_a_translation_shows_the_same_commands_and_outputs(page: Path) -> None:
    assert blocks(page) == blocks(ENGLISH)


@pytest.mark.parametrize("page", TRANSLATIONS, ids=lambda page: page.name)
def test_a_translation_has_the_same_sections_links_and_words_to_type(page: Path) -> None:
    assert len(re.findall("^## ", text(page), re.MULTILINE)) == len(re.findall("^## ", text(ENGLISH), re.MULTILINE))
    assert links(page) == links(ENGLISH)
    typed = [set(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text(one)))) for one in (page, ENGLISH)]
    assert typed[0] == typed[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_leads_to_the_two_others_in_its_first_lines(page: Path) -> None:
    head = "\n".join(text(page).splitlines()[:4])
    assert set(re.findall(r"\((README[^)]*\.md)\)", head)) == {one.name for one in PAGES if one != page}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_linked_is_there(page: Path) -> None:
    places = [link for link in links(page) if "://" not in link]
    assert [place for place in places if not (ROOT / place).exists()] == []
    assert "docs/pictures/chat.png" in places


def test_pictures_are_small() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert [file.name for file in pictures] == ["chat.png", "demo.png"]
    assert [file.name for file in pictures if file.stat().st_size > 200_000] == []
