"""The names that an inventory knows, by which files of people are checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporters.dispenser.inventory import load_inventory
from exporters.dispenser.mapfile import load_maps


@dataclass(frozen=True)
class Names:
    """Of one fleet."""

    sites: Mapping[str, str]
    """Each dispenser's."""
    modules: frozenset[str]


def load_names(inventories: Iterable[Path], maps: Iterable[Path]) -> Names | None:
    """The names in the inventories, None without one; raises ConfigError with every fault."""
    files = list(inventories)
    if not files:
        return None
    dispensers = load_inventory(files, load_maps(list(maps))).dispensers
    return Names({one.name: one.site for one in dispensers}, frozenset(one.module for one in dispensers))
