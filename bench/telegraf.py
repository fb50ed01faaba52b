"""Telegraf's settings, made from our register map and inventory, so that it polls the same devices for the same series.

It is given the cheapest form that its Modbus plugin has: one instance for each gateway, whose connection it keeps, and
one request for each device, with the inventory's labels as tags of the request. Labels of a single field have no place
in that form, so they go into the field's name.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from exporters.dispenser.inventory import Dispenser
from exporters.dispenser.registermap import RegisterMap, Value

_TYPES = {"u16": "UINT16", "s16": "INT16", "u32": "UINT32", "s32": "INT32", "f32": "FLOAT32"}
_LARGEST_GAP = 50
"""Telegraf's own default for registers read in vain."""
_LARGEST_BUFFER = 100_000


@dataclass(frozen=True)
class Telegraf:
    """How it is run."""

    executable: Path
    interval: float
    """Seconds from one poll to the next."""
    listen: str | None
    """The address at which it renders what it polled; None to throw it away."""

    def command(self, folder: Path, register_map: RegisterMap, dispensers: Sequence[Dispenser]) -> list[str]:
        """The command line; its settings are written into the folder."""
        settings = folder / "telegraf.conf"
        settings.write_text(self._settings(register_map, dispensers), encoding="utf-8")
        return [str(self.executable), "--config", str(settings), "--quiet"]

    def _settings(self, register_map: RegisterMap, dispensers: Sequence[Dispenser]) -> str:
        interval = f"{self.interval:g}s"
        agent = {
            "interval": interval,
            "flush_interval": interval,
            "metric_buffer_limit": _LARGEST_BUFFER,
            "omit_hostname": True,
        }
        lines = ["[agent]", *_pairs(agent)]
        if self.listen is None:
            lines += ["[[outputs.discard]]"]
        else:
            lines += ["[[outputs.prometheus_client]]", *_pairs({"listen": self.listen})]
        fields = list(_fields(register_map))
        for gateway, units in groupby(dispensers, key=attrgetter("address.gateway")):
            lines += _instance(f"tcp://{gateway}", units, fields)
        return "\n".join(lines) + "\n"


def _instance(controller: str, units: Iterable[Dispenser], fields: Sequence[str]) -> Iterator[str]:
    """One gateway."""
    yield "[[inputs.modbus]]"
    plugin = {
        "name": controller,
        "controller": controller,
        "configuration_type": "request",
        "exclude_register_type_tag": True,
        "tagexclude": ["name", "host", "type", "slave_id"],
    }
    yield from _pairs(plugin)
    request = {
        "register": "input",
        "byte_order": "ABCD",
        "measurement": "dispenser",
        "optimization": "max_insert",
        "optimization_max_register_fill": _LARGEST_GAP,
    }
    for one in units:
        yield "[[inputs.modbus.request]]"
        yield from _pairs({"slave_id": one.address.unit, **request})
        yield f"fields = [{', '.join(fields)}]"
        yield "[inputs.modbus.request.tags]"
        yield from _pairs(one.labels)


def _fields(register_map: RegisterMap) -> Iterator[str]:
    """One inline table for each series."""
    for value in register_map.values:
        for position, (name, labels) in enumerate(value.series):
            own = "_".join([name.removeprefix("dispenser_"), *(text for _, text in labels if text)])
            field: dict[str, object] = {"address": value.place.number, "name": own, **_kind(value, position)}
            yield "{" + ", ".join(_pairs(field)) + "}"


def _kind(value: Value, position: int) -> dict[str, object]:
    if value.bits is not None:
        return {"type": "BIT", "bit": position}
    scale = {"scale": value.scale} if value.scale != 1 else {}
    return {"type": _TYPES[value.type], "output": "FLOAT64", **scale}


def _pairs(settings: Mapping[str, object]) -> Iterator[str]:
    """TOML of plain values is spelled as JSON."""
    return (f"{key} = {json.dumps(value)}" for key, value in settings.items())
