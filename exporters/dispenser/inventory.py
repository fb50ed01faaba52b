"""The inventory: which dispensers there are, where they stand, how they are reached; YAML, or a spreadsheet's CSV."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from exporters.dispenser.address import DeviceAddress, Gateway, parse_address
from exporters.dispenser.filekind import FileKind, expect_kind
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.settings import ROOT, Document, DocumentPath, Settings, read_document, read_text, validate

_GATEWAY_LABELS = ("site", "building", "gateway")
COLUMNS = ("name", "site", "building", "floor", "module", "address")


def _address(value: object) -> DeviceAddress:
    if not isinstance(value, str):
        raise ValueError("must be an address in text, as 10.0.5.7:502/17")  # noqa: TRY004 - pydantic's contract
    return parse_address(value)


Text = Annotated[str, Field(min_length=1, max_length=200)]


class Dispenser(Settings):
    """One dispenser of the fleet."""

    name: Text
    site: Text
    building: str = ""
    floor: str = ""
    module: Text = "default"
    address: Annotated[DeviceAddress, BeforeValidator(_address)]

    @property
    def labels(self) -> dict[str, str]:
        """The labels that all its series carry; those without a value are left out."""
        labels = {
            "dispenser": self.name,
            "site": self.site,
            "building": self.building,
            "floor": self.floor,
            "module": self.module,
            "gateway": str(self.address.gateway),
        }
        return {name: value for name, value in labels.items() if value}


class InventoryFile(Settings):
    """The whole file."""

    dispensers: list[Dispenser]


@dataclass(frozen=True)
class Inventory:
    """The fleet."""

    dispensers: Sequence[Dispenser]
    by_address: Mapping[DeviceAddress, Dispenser]
    by_gateway: Mapping[Gateway, Sequence[Dispenser]]

    @classmethod
    def of(cls, dispensers: Sequence[Dispenser]) -> "Inventory":
        """Dispensers with different addresses."""
        by_gateway: dict[Gateway, list[Dispenser]] = {}
        for one in dispensers:
            by_gateway.setdefault(one.address.gateway, []).append(one)
        return cls(tuple(dispensers), {one.address: one for one in dispensers}, by_gateway)

    def targets(self) -> list[dict[str, Any]]:
        """Prometheus' HTTP service discovery: one group for each dispenser."""
        return [{"targets": [str(one.address)], "labels": one.labels} for one in self.dispensers]

    def gateway_targets(self) -> list[dict[str, Any]]:
        """The same for whole gateways, with the labels that all of a gateway's dispensers share."""
        return [
            {"targets": [str(gateway)], "labels": _shared_labels(dispensers)}
            for gateway, dispensers in self.by_gateway.items()
        ]


def load_inventory(paths: Sequence[Path], modules: Collection[str] | None) -> Inventory:
    """Read the files of a fleet; raises ConfigError with every fault of all of them.

    A name or an address that stands twice is a fault, as is a module that is not in `modules`; None when the maps
    could not be read, so that nothing can be said of it.
    """
    dispensers: list[Dispenser] = []
    faults = Faults()
    seen: dict[str | DeviceAddress, str] = {}
    gateways: dict[tuple[str, int], Gateway] = {}
    for path in paths:
        with faults.collect():
            document = _read(path)
            found = validate(document, InventoryFile, path.parent).dispensers
            for index, one in enumerate(found):
                faults.add(*_faults(document, index, one, modules, seen, gateways))
            dispensers.extend(found)
    faults.raise_if_any()
    return Inventory.of(dispensers)


def _shared_labels(dispensers: Sequence[Dispenser]) -> dict[str, str]:
    shared = set.intersection(*(set(one.labels.items()) for one in dispensers))
    return {name: value for name, value in sorted(shared) if name in _GATEWAY_LABELS}


def _faults(
    document: Document,
    index: int,
    one: Dispenser,
    modules: Collection[str] | None,
    seen: dict[str | DeviceAddress, str],
    gateways: dict[tuple[str, int], Gateway],
) -> Iterator[Fault]:
    for key, value in (("name", one.name), ("address", one.address)):
        path: DocumentPath = ("dispensers", index, key)
        if value in seen:
            yield document.fault(path, f"{str(value)!r} stands already in {seen[value]}")
        seen.setdefault(value, f"{document.file}:{document.line(path)}")
    gateway = one.address.gateway
    same_line = gateways.setdefault((gateway.host, gateway.port), gateway)
    if same_line != gateway:
        message = f"the same line stands as {same_line} elsewhere, and can only be spoken to in one way"
        yield document.fault(("dispensers", index, "address"), message)
    if modules is not None and one.module not in modules:
        known = ", ".join(sorted(modules))
        message = (
            f"no register map is named {one.module!r}; known: {known}; name your own map's file under `maps` in the "
            "settings, or by --map for a command"
        )
        yield document.fault(("dispensers", index, "module"), message)


def _read(path: Path) -> Document:
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    document = read_document(path)
    expect_kind(document, FileKind.INVENTORY)
    return document


def _read_csv(path: Path) -> Document:
    """A CSV file as the document that the YAML form would be. Spreadsheets write a byte order mark, and `;` for `,`."""
    text = read_text(path).removeprefix("\ufeff")
    first_line = text.partition("\n")[0]
    delimiter = ";" if first_line.count(";") > first_line.count(",") else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", strict=True)
    rows: list[dict[str, object]] = []
    lines: dict[DocumentPath, int] = {ROOT: 1, ("dispensers",): 1}
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        for row in reader:
            lines["dispensers", len(rows)] = reader.line_num
            rows.append(_row(row))
    except csv.Error as error:
        raise ConfigError([Fault(str(path), reader.line_num, "", f"is not CSV: {error}")]) from error
    missing = {"name", "site", "address"} - set(header)
    if missing:
        message = (
            f"the first line must name the columns ({', '.join(COLUMNS)}); {', '.join(sorted(missing))} is missing"
        )
        raise ConfigError([Fault(str(path), 1, "", message)])
    return Document(str(path), {"dispensers": rows}, lines)


def _row(row: Mapping[str, Any]) -> dict[str, object]:
    """A row without its empty cells, so that defaults apply; cells past the header become an unknown key."""
    return {
        name or "(a cell past the last column)": value.strip() if isinstance(value, str) else value
        for name, value in row.items()
        if value and str(value).strip()
    }
