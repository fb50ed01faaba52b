"""Others' words and addresses inside DingTalk's markdown: shown as they are, never read as markup or a mention."""

import re
import unicodedata
from urllib.parse import quote, urlsplit

_FULL_WIDTH = 0xFEE0
"""From an ASCII mark to its full-width look-alike (Unicode, U+FF01 on), which no renderer reads as markup."""
_ALWAYS = frozenset("<*`~@\\")
_IN_PLACE = re.compile(
    r"""
      ^ (?: [+=>#\[] | -(?!\d) )    # list, quote, heading, line below a heading, a link's definition
    | ^ \d{1,9} [.)] (?=\s|$)       # numbered list
    | \] (?=[(\[])                  # link or image
    | & (?=\#?\w+;)                 # a character by its name
    | (?<![^\W_]) _ | _ (?![^\W_])  # emphasis; inside a word it is none
    """,
    re.VERBOSE,
)
_CONTROL = frozenset({"Cc", "Cf", "Cs", "Co"})  # Unicode's categories: control, format (as right-to-left), surrogates
_MOBILE = re.compile(r"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{2}))(?:86)?1[3-9]\d{9}(?!\d)")  # in a link after %22, too
_URL_SAFE = ":/?#[]!$&+,;=%~-._"


def harmless(text: str, longest: int) -> str:
    """A label or annotation as one line of at most `longest` characters, unable to be read as markup or a mention."""
    words = "".join(one if one.isspace() or unicodedata.category(one) not in _CONTROL else "" for one in text).split()
    line = "".join(_look_alike(one) if one in _ALWAYS else one for one in shorten(" ".join(words), longest))
    return _IN_PLACE.sub(lambda match: match[0][:-1] + _look_alike(match[0][-1]), line)


def without_mobiles(text: str) -> str:
    """`text` with the mobile numbers in it masked, for logs and pages."""
    return _MOBILE.sub("***", text)


def _look_alike(mark: str) -> str:
    return chr(ord(mark) + _FULL_WIDTH)


def shorten(text: str, longest: int) -> str:
    """At most `longest` characters, with an ellipsis where it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def web_address(url: str, longest: int) -> str:
    """`url` so that it can stand in a link; empty when it is none that a person may follow, or too long to keep."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    address = quote(url, safe=_URL_SAFE, errors="replace")
    return address if len(address) <= longest else ""
