"""modbus_exporter's settings, made from our register map, so that both read the same series."""

from collections.abc import Iterator
from typing import Any

import yaml

from exporters.dispenser.registermap import RegisterMap, Value

MODULE = "dispenser"

_TYPES = {"u16": "uint16", "s16": "int16", "u32": "uint32", "s32": "int32", "f32": "float32"}
_FUNCTION = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_LAST_BIT = 7
"""modbus_exporter 0.4.1 cannot read bits 8 to 15; it is given the whole register there, at the same cost."""


def peer_settings(register_map: RegisterMap) -> str:
    """The text of modbus.yml: one metric for each of our series."""
    metrics = [metric for value in register_map.values for metric in _metrics(value)]
    return yaml.safe_dump({"modules": [{"name": MODULE, "protocol": "tcp/ip", "metrics": metrics}]}, sort_keys=False)


def _metrics(value: Value) -> Iterator[dict[str, Any]]:
    for position, (name, labels) in enumerate(value.series):
        metric: dict[str, Any] = {
            "name": name,
            "help": value.metric.help,
            "labels": dict(labels),
            "address": int(f"{_FUNCTION[value.place.space]}{value.place.number:05d}"),
            "metricType": value.metric.type,
        }
        if value.bits is not None and position <= _LAST_BIT:
            metric |= {"dataType": "bool", "bitOffset": position}
        else:
            metric["dataType"] = _TYPES[value.type]
            if value.scale != 1:
                metric["factor"] = value.scale
        yield metric
