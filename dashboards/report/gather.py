"""What Prometheus still knows of each dispenser and month, asked day by day."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise

import aiohttp

from dashboards.dispensers import COOLEST, LITERS, RECORDED_SECONDS, RECORDED_STEP
from dashboards.report.record import Month, Place
from tapwatch import catalogue
from tapwatch.errors import TapwatchError

DAY_SECONDS, DAY_HOURS = 86400, 24
_PLACE = ("site", "building", "floor", "dispenser")
_BY = f"by ({', '.join(_PLACE)})"

# Each over the day before the moment it is asked for.
_MAINTAINED = f"max {_BY} (max_over_time({catalogue.DISPENSER_LAST_MAINTENANCE.name}[1d]) > 0)"
_MEMBRANE_AGE = f'min {_BY} (min_over_time({catalogue.DISPENSER_FILTER_INSTALLED.name}{{stage="ro"}}[1d:1h]))'
_COOLEST = f'min {_BY} (min_over_time({COOLEST}{{outlet="hot"}}[1d]))'
_LITERS = f"sum {_BY} (sum_over_time({LITERS}[1d:{RECORDED_STEP}])) * {RECORDED_SECONDS}"
_ANSWERED = f"max {_BY} (sum_over_time(({catalogue.DISPENSER_UP.name} == bool 1)[1d:1h]))"

Days = Mapping[Place, Sequence[tuple[datetime, float]]]
"""Each dispenser's values, by the end of the day that they are about."""


@dataclass
class _Gathered:
    """One line in the making."""

    maintained: set[date] = field(default_factory=set)
    membrane_renewed: set[date] = field(default_factory=set)
    coolest: float | None = None
    liters: float = 0
    hours: float = 0


@dataclass(frozen=True)
class Prometheus:
    """Where it is, and the token it wants, if any."""

    url: str
    session: aiohttp.ClientSession

    async def days(self, expr: str, first: datetime, last: datetime) -> Days:
        """The query's values at each day's end, from `first` to `last`. Raises TapwatchError."""
        parameters = {"query": expr, "start": first.timestamp(), "end": last.timestamp(), "step": DAY_SECONDS}
        try:
            async with self.session.post(f"{self.url.rstrip('/')}/api/v1/query_range", data=parameters) as response:
                answer = await response.json(content_type=None)
                found = answer["data"]["result"] if response.status == HTTPStatus.OK else None
        except TimeoutError as error:
            raise TapwatchError(f"{self.url} does not answer in time") from error
        except aiohttp.ClientError as error:
            raise TapwatchError(f"{self.url} cannot be asked: {type(error).__name__}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise TapwatchError(f"{self.url} does not answer as Prometheus does") from error
        if found is None:
            raise TapwatchError(f"{self.url} refuses the query: {answer.get('error', response.status)}")
        zone = first.tzinfo
        return {
            tuple(one["metric"].get(label, "") for label in _PLACE): [
                (datetime.fromtimestamp(float(moment), zone), float(value)) for moment, value in one["values"]
            ]
            for one in found
        }


def month_starts(until: datetime, months: int) -> list[datetime]:
    """The first moments of the month of `until` and of as many before it, the earliest first."""
    starts = [until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)]
    for _ in range(months):
        starts.append((starts[-1] - timedelta(days=1)).replace(day=1))
    return starts[::-1]


async def gather(prometheus: Prometheus, until: datetime, months: int) -> list[Month]:
    """The record of the month of `until` and of as many before it, as far as Prometheus remembers.

    Months are those of the time zone of `until`. Raises TapwatchError when Prometheus cannot be asked.
    """
    lines: dict[tuple[Place, str], _Gathered] = defaultdict(_Gathered)
    starts = month_starts(until, months)
    for start in starts:
        await _gather_month(prometheus, start, until, lines)
    first = spell_month(starts[0])
    return sorted(
        Month(
            *place,
            month,
            tuple(sorted(line.maintained)),
            tuple(sorted(line.membrane_renewed)),
            line.coolest,
            line.liters,
            min(1.0, line.hours / _hours_passed(month, until)),
        )
        for (place, month), line in lines.items()
        if month >= first
    )


async def _gather_month(
    prometheus: Prometheus, start: datetime, until: datetime, lines: dict[tuple[Place, str], _Gathered]
) -> None:
    month, first, last = spell_month(start), start + timedelta(days=1), min(_next_month(start), _next_day(until))
    for place, values in (await prometheus.days(_ANSWERED, first, last)).items():
        lines[place, month].hours = sum(min(value, DAY_HOURS) for _, value in values)
    for place, values in (await prometheus.days(_COOLEST, first, last)).items():
        lines[place, month].coolest = min(value for _, value in values)
    for place, values in (await prometheus.days(_LITERS, first, last)).items():
        lines[place, month].liters = sum(value for _, value in values)
    for place, values in (await prometheus.days(_MAINTAINED, first, last)).items():
        for _, value in values:
            visit = datetime.fromtimestamp(value, start.tzinfo)
            lines[place, spell_month(visit)].maintained.add(visit.date())
    for place, values in (await prometheus.days(_MEMBRANE_AGE, start, last)).items():
        lines[place, month].membrane_renewed.update(_renewals(values))


def _renewals(values: Sequence[tuple[datetime, float]]) -> Iterator[date]:
    """The days at whose end a part was younger than at the day's before."""
    for (_, before), (end, age) in pairwise(values):
        if age < before:
            yield (end - timedelta(seconds=1)).date()


def spell_month(moment: datetime) -> str:
    """As the record names it."""
    return f"{moment:%Y-%m}"


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)


def _next_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _hours_passed(month: str, until: datetime) -> float:
    start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=until.tzinfo)
    return max(1.0, (min(_next_month(start), until) - start).total_seconds() / 3600)
