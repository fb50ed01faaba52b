"""Text as Zabbix takes it: host names of few characters, values without macros, each within its limit."""

import hashlib
import re

LONGEST_NAME = 128
"""Characters of a host's technical and visible name."""
LONGEST_TAG = 255
LONGEST_URL = 255
"""In 6.0; 2048 later."""

_FORBIDDEN_IN_HOST = re.compile(r"[^0-9A-Za-z_. -]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SPACES = re.compile(r"\s+")


def host_name(*parts: str) -> str:
    """A host's technical name: letters, digits, spaces, `.`, `_` and `-`, different for different parts.

    What had to be changed to fit carries a digest of the original.
    """
    wanted = ".".join(parts)
    name = _FORBIDDEN_IN_HOST.sub("_", wanted).strip()
    if name == wanted and len(name) <= LONGEST_NAME and all("." not in part for part in parts[:-1]):
        return name
    mark = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]
    return f"{name[: LONGEST_NAME - len(mark) - 1].rstrip()}-{mark}"


def visible_name(text: str) -> str:
    """A host's visible name: one line, different for different texts up to a digest."""
    line = one_line(text)
    if line == text and len(line) <= LONGEST_NAME:
        return line
    mark = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{line[: LONGEST_NAME - len(mark) - 1]} {mark}".strip()


def group_name(*parts: str) -> str:
    """A host group's name, nested at `/`."""
    return "/".join(one_line(part).replace("/", "_") or "_" for part in parts)[:255].rstrip(" /")


def item_key_parameter(fingerprint: str) -> str:
    """A fingerprint as a key's parameter: Alertmanager's own are hexadecimal, others are digested."""
    if re.fullmatch(r"[0-9A-Za-z]{1,64}", fingerprint):
        return fingerprint
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:32]


def plain(text: str, longest: int) -> str:
    """Text that means nothing to Zabbix: no macros (an alert's words could ask for a secret one), no control codes."""
    return _CONTROL.sub("", text).replace("{", "(").replace("}", ")")[:longest]


def one_line(text: str) -> str:
    """Words separated by single spaces."""
    return _SPACES.sub(" ", _CONTROL.sub("", text)).strip()


def web_url(text: str) -> str:
    """The text when it is a web address that Zabbix can hold, else nothing."""
    fits = len(text) <= LONGEST_URL and re.fullmatch(r"https?://[^\s{}]+", text)
    return text if fits else ""
