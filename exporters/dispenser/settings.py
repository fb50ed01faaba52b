"""The dispenser exporter's settings, and everything that they name."""

import glob
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork

from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.exposition import rendered_labels
from exporters.dispenser.filekind import FileKind, expect_kind
from exporters.dispenser.inventory import Dispenser, Inventory, load_inventory
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.module import Module
from exporters.dispenser.registermap import RegisterMap
from exporters.dispenser.targets import TargetPolicy
from exporters.dispenser.tls import TlsSettings, client_context
from tapwatch.errors import Fault, Faults
from tapwatch.settings import RelativePath, Seconds, Settings, read_document, validate


class ExporterSettings(Settings):
    """The settings file."""

    maps: list[RelativePath] = Field(default_factory=list)
    """Register maps beside the built-in ones; `*` stands for any file."""
    inventory: list[RelativePath] = Field(default_factory=list)
    """The files of the fleet, YAML or CSV."""
    timeout: Annotated[Seconds, Field(gt=0)] = 2.0
    """The longest wait for a connection, and for one Modbus answer beside its time on the line."""
    reuse: Annotated[Seconds, Field(ge=0)] = 0.0
    """How old a reading may be that answers another probe; 0 shares only those that are under way."""
    targets: Literal["any", "inventory"] | list[IPvAnyNetwork] = "any"
    """What may be probed beside the inventory: anything, nothing, or addresses in these networks."""
    tls: TlsSettings = TlsSettings()
    """For `tls://` gateways."""


@dataclass(frozen=True)
class State:
    """Everything that came from files; replaced as a whole by a reload."""

    settings: ExporterSettings
    modules: Mapping[str, Module]
    inventory: Inventory
    policy: TargetPolicy
    tls: ssl.SSLContext
    labels: Mapping[DeviceAddress, str]
    """Each dispenser's labels, as they stand between braces."""

    @classmethod
    def load(cls, file: Path | None, before: "State | None" = None) -> "State":
        """Read the settings and all that they name; raises ConfigError with every fault.

        A map that is the same as `before` stays the same module, with what was prepared for it.
        """
        settings = ExporterSettings() if file is None else _read(file)
        faults = Faults()
        maps: Mapping[str, RegisterMap] | None = None
        inventory, tls = Inventory.of(()), None
        with faults.collect():
            maps = load_maps(_expand(settings.maps, f"{file}: maps", faults))
        with faults.collect():
            inventory = load_inventory(_expand(settings.inventory, f"{file}: inventory", faults), maps)
        with faults.collect():
            tls = client_context(settings.tls, f"{file}: tls")
        faults.raise_if_any()
        old = before.modules if before is not None else {}
        modules = {
            name: old[name] if name in old and old[name].map == one else Module(one)
            for name, one in (maps or {}).items()
        }
        beside = settings.targets if isinstance(settings.targets, str) else tuple(settings.targets)
        policy = TargetPolicy(beside, frozenset(one.address.gateway for one in inventory.dispensers))
        labels = {one.address: rendered_labels(_labels(one)) for one in inventory.dispensers}
        return cls(settings, modules, inventory, policy, tls or client_context(settings.tls, ""), labels)


def _read(file: Path) -> ExporterSettings:
    document = read_document(file)
    expect_kind(document, FileKind.SETTINGS)
    return validate(document, ExporterSettings, file.parent)


def _expand(patterns: list[Path], place: str, faults: Faults) -> list[Path]:
    """The files that the patterns name, in order; a pattern that names none is a fault."""
    paths: list[Path] = []
    for index, pattern in enumerate(patterns):
        found = [Path(name) for name in sorted(glob.glob(str(pattern)))]  # noqa: PTH207 - absolute patterns too
        if not found:
            faults.add(
                Fault(
                    f"{place}[{index}]",
                    None,
                    "",
                    f"no file is named {pattern}; correct the path, or leave this entry out",
                )
            )
        paths += [path for path in found if path not in paths]
    return paths


def _labels(dispenser: Dispenser) -> dict[str, str]:
    """What Prometheus makes of a dispenser's discovery: its labels, and its address as the instance."""
    return {**dispenser.labels, "instance": str(dispenser.address)}
