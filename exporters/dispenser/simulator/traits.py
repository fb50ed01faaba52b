"""What real devices make difficult: holes between registers, small requests only, a pause between two questions."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from exporters.dispenser.registermap import Place, Space

ILLEGAL_ADDRESS: Literal[2] = 2
ILLEGAL_VALUE: Literal[3] = 3


@dataclass(frozen=True)
class Hole:
    """Registers that a device lacks; a request that touches one of them is refused."""

    first: Place
    last: Place

    @classmethod
    def parse(cls, text: object) -> "Hole":
        """`i10` or `i10-i12`; raises ValueError with what would be right."""
        first, separator, last = str(text).partition("-")
        hole = cls(Place.parse(first), Place.parse(last if separator else first))
        if hole.first.space != hole.last.space or hole.first.number > hole.last.number:
            raise ValueError(f"{text!r} does not go from one register up to another; right would be i10 or i10-i12")
        return hole

    def touches(self, space: Space, start: int, count: int) -> bool:
        """Whether any of these registers lies in the hole."""
        return self.first.space == space and start <= self.last.number and self.first.number < start + count

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


class Traits(BaseModel):
    """How difficult a device is; the default is an easy one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    holes: tuple[Annotated[Hole, BeforeValidator(Hole.parse), PlainSerializer(str)], ...] = ()
    """Refused with exception 2 when any register of one is asked for, as `i10-i12`."""
    cap: int = Field(default=0, ge=0, le=2000)
    """The most registers, or bits, that it gives in one answer; 0 for no limit of its own."""
    cap_exception: Literal[2, 3] = ILLEGAL_VALUE
    """How it refuses more."""
    idle_ms: float = Field(default=0, ge=0, le=60_000)
    """Silence that it needs before a request to it; it does not hear one that comes sooner."""

    def refusal(self, space: Space, start: int, count: int) -> int | None:
        """The exception for such a request, None where it is taken."""
        if self.cap and count > self.cap:
            return self.cap_exception
        return ILLEGAL_ADDRESS if any(hole.touches(space, start, count) for hole in self.holes) else None
