"""The file of people, teams and rotas: who is to be woken, and who after that."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

import icalendar
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from alerting.dingtalk.settings import Name, Severity, TimeZone
from tapwatch.settings import Seconds, Settings, load


def _mobile(number: SecretStr) -> SecretStr:
    digits = number.get_secret_value().removeprefix("+").replace("-", "")
    if not digits.isascii() or not digits.isdecimal() or not 5 <= len(digits) <= 20:  # noqa: PLR2004 - as telephones have
        raise ValueError('must be a mobile number in quotes, as "13800000000"')
    return SecretStr(digits)


def _clock(text: object) -> dt.time:
    try:
        return dt.time.fromisoformat(text if isinstance(text, str) else "")  # YAML reads a bare 10:30 as 630
    except ValueError:
        raise ValueError('must be a time of day in quotes, as "09:00"') from None


def _calendar(path: object, info: ValidationInfo) -> icalendar.Calendar:
    file = Path((info.context or {}).get("folder", Path())) / str(path)
    try:
        return icalendar.Calendar.from_ical(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{file} is no iCalendar file: {error}") from error


Clock = Annotated[dt.time, BeforeValidator(_clock)]


class Person(Settings):
    """Somebody whom DingTalk can ring."""

    name: Annotated[str, Field(min_length=1, max_length=50)]
    mobile: Annotated[SecretStr, AfterValidator(_mobile)] | None = None
    """As DingTalk knows it."""
    user_id: Annotated[str, Field(min_length=1, max_length=64)] = ""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.mobile is None and not self.user_id:
            raise ValueError("needs mobile or user_id, by which DingTalk rings")
        return self


class Swap(Settings):
    """One person stands in for whoever would be on call."""

    begin: AwareDatetime = Field(alias="from")
    until: AwareDatetime
    person: str

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.until <= self.begin:
            raise ValueError("until must be after from")
        return self


class Rota(Settings):
    """Who is on call when: people in turn, or the events of a calendar."""

    time_zone: TimeZone = "UTC"
    order: list[str] = Field(default_factory=list)
    days: Annotated[int, Field(ge=1)] = 7
    """How long a turn is."""
    start: dt.date | None = None
    """The day on which the first one's first turn begins."""
    handover: Clock = dt.time(9)
    """When one hands over to the next, in the rota's time zone."""
    holidays: dict[dt.date, str] = Field(default_factory=dict)
    """Who is on call from this day's handover to the next day's instead."""
    swaps: list[Swap] = Field(default_factory=list)
    calendar: Annotated[icalendar.Calendar, BeforeValidator(_calendar)] | None = None
    """An iCalendar file whose events' summaries are people's keys or names."""

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def named(self) -> set[str]:
        """Every person in it, but for the calendar's."""
        return {*self.order, *self.holidays.values(), *(swap.person for swap in self.swaps)}

    @model_validator(mode="after")
    def _says_who_one_way(self) -> Self:
        if (self.calendar is None) == (not self.order):
            raise ValueError("needs either order (with start) or calendar")
        if self.order and self.start is None:
            raise ValueError("order needs start, the day on which the first turn begins")
        return self


class Level(Settings):
    """Who is rung together."""

    rota: str = ""
    people: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _rings_somebody(self) -> Self:
        if not self.rota and not self.people:
            raise ValueError("needs rota or people")
        return self


class Team(Settings):
    """Those who care for alerts whose label `team` is its name."""

    severities: list[Severity] = Field(default=["critical"])
    """Of the alerts that ring."""
    levels: Annotated[list[Level], Field(min_length=1)]
    """The first is rung at once, each next one when nobody has acknowledged for so long."""
    escalate_after: Annotated[Seconds, Field(gt=0)] = 900.0


class People(Settings):
    """The whole file."""

    people: dict[Name, Person] = Field(default_factory=dict)
    rotas: dict[Name, Rota] = Field(default_factory=dict)
    teams: dict[str, Team] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_only_those_that_are_here(self) -> Self:
        people, rotas = set(self.people), set(self.rotas)
        wanted = [(f"rotas.{name}", rota.named, people) for name, rota in self.rotas.items()]
        for name, team in self.teams.items():
            for number, level in enumerate(team.levels):
                wanted.append((f"teams.{name}.levels[{number}].people", set(level.people), people))
                wanted.append((f"teams.{name}.levels[{number}].rota", {level.rota} - {""}, rotas))
        for path, names, known in wanted:
            if unknown := sorted(names - known):
                raise ValueError(f"{path}: {unknown[0]!r} is not in this file; there are: {', '.join(sorted(known))}")
        return self


NOBODY = People()


def load_people(file: Path) -> People:
    """Read the file; raises ConfigError with every fault."""
    return load(file, People)
