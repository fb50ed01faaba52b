"""The limits that rules compare with: what each one is, what it is unless somebody sets it, and who says so."""

from functools import cache
from pathlib import Path
from typing import Self

from pydantic import model_validator

from alerting.rulebook.quantity import parse_quantity, unit_of
from tapwatch.settings import Settings, load

SHIPPED = Path(__file__).parent / "limits.yaml"


class Limit(Settings):
    """One limit; quantities are written with their units."""

    value: str
    """What holds where nobody sets anything else."""
    between: tuple[str, str]
    """What somebody may set: beyond it is a slip of the pen, or a dispenser that should not be in service."""
    meaning: str
    source: str
    """The law, standard or practice; `own choice` and its reason where there is none."""
    below: str | None = None
    """Another limit that this one must stay under for the two to make sense."""


class Limits(Settings):
    """Every limit by its name, whose end is the unit of its series."""

    dispensers: dict[str, Limit]
    """May be set for a site, a module (the register map: a dispenser model), or both."""
    clusters: dict[str, Limit]
    """May be set for a cluster."""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name, limit in self.all.items():
            unit = unit_of(name)
            if unit is None:
                raise ValueError(f"limit {name} must end with its unit")
            low, value, high = (
                parse_quantity(text, unit) for text in (limit.between[0], limit.value, limit.between[1])
            )
            if not low <= value <= high:
                raise ValueError(f"limit {name}: {limit.value} is not between {' and '.join(limit.between)}")
            if limit.below is not None and unit_of(limit.below) != unit:
                raise ValueError(f"limit {name}: cannot be below {limit.below}, which is no limit of the same unit")
        return self

    @property
    def all(self) -> dict[str, Limit]:
        """Every limit."""
        return {**self.dispensers, **self.clusters}


@cache
def shipped_limits() -> Limits:
    """The limits that the rules know."""
    return load(SHIPPED, Limits)


def quantity(name: str, text: str) -> float:
    """The number of base units in `text` for a limit of this name; raises ValueError that says what would be right."""
    unit = unit_of(name)
    if unit is None:
        raise ValueError(f"{name} does not end with a unit")
    return parse_quantity(text, unit)
