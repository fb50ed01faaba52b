"""The settings file of modbus_exporter, read as its version 0.4.1 reads it.

Source: the package `config` of github.com/RichiH/modbus_exporter: what its validation refuses is a fault here too, and
a key that it does not know is no fault. What it notices only when it reads a device is left for the conversion to tell.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BeforeValidator, Field, model_validator

from tapwatch.settings import Document, DocumentPath, Settings, parse_document, read_text, validate

_NANOSECONDS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"
_LARGEST_ADDRESS = 2**32 - 1

DataType = Literal[
    "bool", "int16", "uint16", "float16", "int32", "uint32", "float32", "int64", "uint64", "float64"
]  # fmt: skip
Endianness = Literal["big", "little", "mixed", "yolo"]


class _TextLoader(yaml.SafeLoader):
    """Leaves every scalar as text, as Go takes it where it wants text: a label of 007 stays 007."""


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


for _kind in ("bool", "int", "float", "timestamp"):
    _TextLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _scalar)


def _text(value: object) -> object:
    return "" if value is None else value


def _whole(value: object) -> object:
    """Go's YAML takes 0x1F, 0b1, 017 and 1_000 for whole numbers too."""
    text = str(value).replace("_", "")
    octal = re.fullmatch(r"([-+]?)0([0-7]+)", text)
    try:
        return int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)
    except ValueError:
        return value


def _nanoseconds(value: object) -> object:
    """Of a duration as Go writes it, as 1.5s; a bare number is in nanoseconds."""
    text = str(value)
    if not re.fullmatch(f"(?:{_PART})+", text):
        return _whole(value)
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in re.findall(_PART, text)))


Text = Annotated[str, BeforeValidator(_text)]
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=-(2**63), lt=2**63)]


class _Theirs(Settings, extra="allow"):
    """Keys that it does not know are not read, and no fault."""


class PeerMetric(_Theirs):
    """One metric: one value that is read by a request of its own."""

    name: str
    help: Text = ""
    labels: Annotated[dict[str, Text], BeforeValidator(lambda value: value or {})] = Field(default_factory=dict)
    address: Annotated[Whole, Field(ge=0, le=_LARGEST_ADDRESS)]
    """The first digit is the Modbus function, the rest the register's number on the line."""
    data_type: DataType = Field(alias="dataType")
    endianness: Annotated[Endianness, BeforeValidator(lambda value: value or "big")] = "big"
    bit_offset: Whole | None = Field(None, alias="bitOffset")
    metric_type: Literal["gauge", "counter"] = Field(alias="metricType")
    factor: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _check(self) -> "PeerMetric":
        if self.bit_offset is not None and self.data_type != "bool":
            raise ValueError("bitOffset goes with dataType bool only; modbus_exporter refuses the file")
        if self.factor is not None and (self.data_type == "bool" or self.factor == 0):
            raise ValueError(
                "factor must not be 0, and does not go with dataType bool; modbus_exporter refuses the file"
            )
        return self


class Workarounds(_Theirs):
    """What versions after 0.4.1 have for awkward devices."""

    interlude: Annotated[int, BeforeValidator(_nanoseconds), Field(ge=0, lt=2**63)] = Field(
        0, alias="scrapeInterludeWait"
    )
    """The rest after each request, in nanoseconds."""


class PeerModule(_Theirs):
    """One module: the metrics of one model."""

    name: str
    protocol: Literal["tcp/ip"]
    timeout: Whole = 0
    """In milliseconds; 0 for Modbus' usual wait."""
    metrics: Annotated[list[PeerMetric], Field(min_length=1)]
    workarounds: Workarounds = Workarounds()


class PeerFile(_Theirs):
    """The whole file."""

    modules: list[PeerModule]


@dataclass(frozen=True)
class PeerSettings:
    """The file's modules, and where they stand in it."""

    modules: list[PeerModule]
    document: Document

    def unread_keys(self) -> Iterator[tuple[DocumentPath, str]]:
        """The keys that are not read: modbus_exporter does not know them, or they do nothing in it."""
        for number, module in enumerate(self.modules):
            place: DocumentPath = ("modules", number)
            yield from _extra(module, place)
            yield from _extra(module.workarounds, (*place, "workarounds"))
            for index, metric in enumerate(module.metrics):
                yield from _extra(metric, (*place, "metrics", index))


def read_peer_settings(path: Path) -> PeerSettings:
    """Read modbus_exporter's settings; raises ConfigError with every fault for which it would not start."""
    return parse_peer_settings(read_text(path), str(path))


def parse_peer_settings(text: str, file: str) -> PeerSettings:
    """The settings in a text that came from `file`; raises ConfigError as `read_peer_settings` does."""
    document = parse_document(text, file)
    loader = _TextLoader(text)
    try:
        document = replace(document, data=loader.get_single_data())
    finally:
        loader.dispose()
    return PeerSettings(validate(document, PeerFile, Path()).modules, document)


def _extra(part: _Theirs, place: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    extra: Mapping[str, object] = part.model_extra or {}
    for key in extra:
        yield (*place, key), key
