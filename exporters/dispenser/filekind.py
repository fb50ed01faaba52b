"""The three kinds of files that people write for the dispenser exporter: which one a file is, when it is another."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum

from tapwatch.errors import ConfigError
from tapwatch.settings import ROOT, Document


@dataclass(frozen=True)
class _Kind:
    """What tells a kind of file, and where it belongs."""

    noun: str
    keys: Collection[str]
    """Any of these at the top says that it is one; no other kind has them."""
    place: str


class FileKind(Enum):
    """A kind of file."""

    SETTINGS = _Kind("settings file", ("inventory", "maps", "reuse", "targets", "tls"), "it is for --config.file")
    INVENTORY = _Kind(
        "inventory",
        ("dispensers",),
        "name it under `inventory` in the settings file; `tapwatch check inventory` checks it",
    )
    MAP = _Kind(
        "register map", ("registers",), "name it under `maps` in the settings file; `tapwatch check map` checks it"
    )


def expect_kind(document: Document, wanted: FileKind) -> None:
    """Raises ConfigError, with the place where the document belongs, when it is clearly of another kind."""
    keys = _keys(document)
    for kind in FileKind:
        if kind is not wanted and keys & set(kind.value.keys) and not keys & set(wanted.value.keys):
            message = f"this is {_a(kind)}, not {_a(wanted)}: {kind.value.place}"
            raise ConfigError([document.fault(ROOT, message)])


def _keys(document: Document) -> AbstractSet[str]:
    if isinstance(document.data, str) and document.file.lower().endswith(".csv"):
        return {"dispensers"}  # a spreadsheet's, which happens to be YAML too
    return document.data.keys() if isinstance(document.data, Mapping) else set()


def _a(kind: FileKind) -> str:
    return f"{'an' if kind.value.noun[0] in 'aeiou' else 'a'} {kind.value.noun}"
