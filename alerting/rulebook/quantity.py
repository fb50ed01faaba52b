"""Quantities as people write them, `60 °C` or `500 mg/L`, in the base unit that a limit's name ends with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tapwatch.settings import parse_duration

_WRITTEN = re.compile(r"(-?\d+(?:\.\d+)?)\s*(\S*)")


@dataclass(frozen=True)
class Dimension:
    """What kind of quantity a limit is."""

    example: str
    factors: Mapping[str, float]
    """Each unit that people may write, as a multiple of the base unit."""


DIMENSIONS: Mapping[str, Dimension] = {
    "celsius": Dimension("60 °C", {"°C": 1}),
    "kelvin": Dimension("5 K", {"K": 1}),
    "grams_per_liter": Dimension("500 mg/L", {"g/L": 1, "mg/L": 0.001}),
    "ntu": Dimension("1 NTU", {"NTU": 1}),
    "ratio": Dimension("75 %", {"%": 0.01}),
    "bytes": Dimension("2 GiB", {"MiB": 2**20, "GiB": 2**30}),
    "per_hour": Dimension("3 /h", {"/h": 1}),
}
"""By the end of a limit's name; `seconds` is beside them, since durations are written as Prometheus does."""


def unit_of(name: str) -> str | None:
    """The base unit that a limit's name ends with."""
    return next((unit for unit in (*DIMENSIONS, "seconds") if name.endswith(f"_{unit}")), None)


def parse_quantity(text: object, unit: str) -> float:
    """The number of base units; raises ValueError that says what would be right."""
    if unit == "seconds":
        return parse_duration(text)
    dimension = DIMENSIONS[unit]
    match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in dimension.factors:
        raise ValueError(f"must be a number with its unit such as {dimension.example}, not {text!r}")
    return round(float(match[1]) * dimension.factors[match[2]], 9)
