"""The text of a register map that is made from readings of modbus_exporter's settings."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from exporters.dispenser.conversion import MODULE_LABEL, BitRule, Note, Reading
from exporters.dispenser.modbusyml import PeerModule
from tapwatch.catalogue import CATALOGUE

_NANOSECONDS_OF_MILLISECOND = 1_000_000


def map_text(module: PeerModule, readings: Sequence[Reading], source: str) -> str:
    """A map with the readings; `source` is the file that the module stands in."""
    settings: dict[str, Any] = {"description": f"{module.name}, from {source} of modbus_exporter"}
    if module.timeout > 0:
        settings["timeout"] = f"{module.timeout}ms"
    if module.workarounds.interlude > 0:
        settings["idle"] = f"{-(-module.workarounds.interlude // _NANOSECONDS_OF_MILLISECOND)}ms"
    lines = ["# Made by `tapwatch convert`.", *(f"{key}: {_flow(value)}" for key, value in settings.items())]
    metrics = _declarations(readings)
    if metrics:
        lines += ["metrics:", *(f"  {_flow(name)}: {_flow(value)}" for name, value in metrics.items())]
    lines += ["registers:", *(f"  - {_flow(entry)}" for entry in _entries(readings))]
    return "\n".join(lines) + "\n"


def notes_on(readings: Sequence[Reading], rule: BitRule) -> Iterator[Note]:
    """What is converted, but not quite as it was."""
    for reading in readings:
        metric = reading.metric
        if metric.data_type == "float16":
            yield reading.index, "modbus_exporter fails on float16; it is read as IEEE 754 half precision"
        if MODULE_LABEL in metric.labels:
            yield reading.index, f"modbus_exporter replaces the label {MODULE_LABEL}; here it comes from the inventory"
        if _metric_type(metric.name) != metric.metric_type:
            yield (
                reading.index,
                (
                    f"is a {metric.metric_type}, but counters, and only they, end in _total; "
                    f"it keeps its name and is shown as a {_metric_type(metric.name)}"
                ),
            )
    high = [reading.metric.name for reading in readings if reading.bit is not None]
    if high and rule == "0.4.1":
        names = ", ".join(dict.fromkeys(high))
        message = "modbus_exporter 0.4.1 takes bitOffset n of a register from bit n + 8, against its documentation"
        yield None, f"{message}, and so does the map; with --bits documented it is bit n: {names}"


def _metric_type(name: str) -> str:
    known = CATALOGUE.get(name)
    return known.type if known else "counter" if name.endswith("_total") else "gauge"


def _declarations(readings: Iterable[Reading]) -> dict[str, dict[str, str]]:
    """The metrics that the catalogue does not have; the help of the first one of a name stands, as it does there."""
    declared: dict[str, dict[str, str]] = {}
    for metric in (reading.metric for reading in readings):
        if metric.name not in CATALOGUE:
            declared.setdefault(metric.name, {"type": _metric_type(metric.name), "help": metric.help or metric.name})
    return declared


def _entries(readings: Sequence[Reading]) -> Iterator[dict[str, Any]]:
    """One for each reading, but one for all the bits of a register that differ in one label."""
    groups: dict[tuple[object, ...], list[Reading]] = {}
    for reading in readings:
        key = (reading.place, reading.metric.name) if reading.bit is not None else (reading.index,)
        groups.setdefault(key, []).append(reading)
    for group in groups.values():
        label = _telling_label(group)
        if label is None:
            yield from (_entry(reading) for reading in group)
        else:
            yield _bits_entry(group, label)


def _telling_label(group: Sequence[Reading]) -> str | None:
    """The one label by which the bits of a register can be told apart; None when that takes more, or there is one."""
    differing = [label for label in group[0].labels if len({reading.labels[label] for reading in group}) > 1]
    if len(differing) != 1:
        return None
    names = {reading.labels[differing[0]] for reading in group}
    bits = {reading.bit for reading in group}
    return differing[0] if "" not in names and len(names) == len(bits) == len(group) else None


def _bits_entry(group: Sequence[Reading], label: str) -> dict[str, Any]:
    by_bit = {reading.bit: reading.labels[label] for reading in group}
    entry = _entry(group[0])
    del entry["field"]
    entry["labels"] = {name: value for name, value in entry["labels"].items() if name != label}
    if not entry["labels"]:
        del entry["labels"]
    last = max(reading.bit or 0 for reading in group)
    return {**entry, "bits": {"label": label, "names": [by_bit.get(bit) for bit in range(last + 1)]}}


def _entry(reading: Reading) -> dict[str, Any]:
    entry: dict[str, Any] = {"at": str(reading.place), "type": reading.type}
    if reading.order != "ABCD":
        entry["order"] = reading.order
    if reading.bit is not None:
        entry["field"] = [reading.bit, reading.bit]
    factor = reading.metric.factor
    if factor is not None and factor != 1:
        entry["scale"] = int(factor) if factor.is_integer() else factor
    entry["metric"] = reading.metric.name
    if reading.labels:
        entry["labels"] = dict(reading.labels)
    return entry


def _flow(value: object) -> str:
    """YAML on one line; a plain scalar without the end that it would have as a document."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31)
    return text.removesuffix("\n").removesuffix("\n...")
