"""The languages of the dashboards: every text is written in both, side by side."""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """As BCP 47 writes it, and as folders are named."""

    EN = "en"
    ZH_TW = "zh-TW"


@dataclass(frozen=True)
class Text:
    """What people read."""

    en: str
    zh: str
    """As Taiwan writes it."""


Words = str | Text
"""A bare string is the same in every language: a label's value, a product's name."""


def say(words: Words, language: Language) -> str:
    """The words in one language."""
    if isinstance(words, str):
        return words
    return words.en if language is Language.EN else words.zh


def name_in(name: str, language: Language) -> str:
    """A dashboard's uid or tag in one language. English keeps the bare one, which alerts link to."""
    return name if language is Language.EN else f"{name}-{language.lower()}"
