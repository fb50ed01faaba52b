"""The log of water samples: which dispenser was sampled when, as far as no register can tell."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path

from alerting.rulebook.names import Names
from tapwatch.errors import ConfigError
from tapwatch.settings import Settings, read_document, validate


class Sampling(Settings):
    """One sample that was taken for the laboratory."""

    site: str
    dispenser: str
    taken: date


class SamplingFile(Settings):
    """The log."""

    samplings: tuple[Sampling, ...] = ()


def load_samplings(file: Path | None, today: date, names: Names | None = None) -> dict[tuple[str, str], float]:
    """The Unix time of each dispenser's last sample, by (site, dispenser); raises ConfigError with every fault.

    When the inventory's names are given, other dispensers and sites are faults.
    """
    if file is None:
        return {}
    document = read_document(file)
    lines = validate(document, SamplingFile, file.parent).samplings
    faults = []
    for index, line in enumerate(lines):
        if line.taken > today:
            faults.append(document.fault(("samplings", index, "taken"), f"{line.taken} is still to come"))
        if names is None:
            continue
        site = names.sites.get(line.dispenser)
        if site is None:
            message = f"no dispenser {line.dispenser!r} in the inventory"
            faults.append(document.fault(("samplings", index, "dispenser"), message))
        elif site != line.site:
            message = f"{line.dispenser} stands at {site!r} in the inventory, not at {line.site!r}"
            faults.append(document.fault(("samplings", index, "site"), message))
    if faults:
        raise ConfigError(faults)
    return _newest(lines)


def _newest(lines: Iterable[Sampling]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for line in lines:
        taken = datetime.combine(line.taken, time(), UTC).timestamp()
        place = line.site, line.dispenser
        found[place] = max(found.get(place, taken), taken)
    return dict(sorted(found.items()))
