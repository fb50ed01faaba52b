"""Who is on call at a moment. Pure functions on the settings of rotas."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import recurring_ical_events

from alerting.dingtalk.people import People, Rota, Team

_STEP = timedelta(minutes=30)
"""Gaps shorter than this are not looked for."""


@dataclass(frozen=True)
class Gap:
    """A time in which a rota has nobody."""

    begin: datetime
    end: datetime


def on_call(people: People, rota: Rota, at: datetime) -> list[str]:
    """The keys of those on call; a swap goes before a holiday, and that before the usual order. Empty for a gap."""
    swap = next((one.person for one in rota.swaps if one.begin <= at < one.until), None)
    if swap is not None:
        return [swap]
    day = _day(rota, at)
    if day in rota.holidays:
        return [rota.holidays[day]]
    return _by_calendar(people, rota, at) if rota.calendar is not None else _in_turn(rota, day)


def rung(people: People, team: Team, level: int, at: datetime) -> list[str]:
    """The keys of those whose phones ring at this level, each once, in the file's order."""
    chosen = team.levels[min(level, len(team.levels) - 1)]
    found = list(chosen.people)
    if chosen.rota:
        found = [*on_call(people, people.rotas[chosen.rota], at), *found]
    return list(dict.fromkeys(found))


def gaps(people: People, rota: Rota, begin: datetime, days: int) -> Iterator[Gap]:
    """Times in which nobody is on call, within so many days."""
    end, at = begin + timedelta(days=days), begin
    empty_since: datetime | None = None
    while at < end:
        if on_call(people, rota, at):
            if empty_since is not None:
                yield Gap(empty_since, at)
            empty_since = None
        elif empty_since is None:
            empty_since = at
        at += _STEP
    if empty_since is not None:
        yield Gap(empty_since, end)


def _day(rota: Rota, at: datetime) -> date:
    """The day whose handover was last; wall clocks hand over, so that a change to summer time moves nothing."""
    local = at.astimezone(rota.zone)
    return local.date() if local.time() >= rota.handover else local.date() - timedelta(days=1)


def _in_turn(rota: Rota, day: date) -> list[str]:
    if rota.start is None or day < rota.start:
        return []
    return [rota.order[(day - rota.start).days // rota.days % len(rota.order)]]


def _by_calendar(people: People, rota: Rota, at: datetime) -> list[str]:
    """The people whom the events at this moment name, by key or name."""
    by_name = {person.name: key for key, person in people.people.items()}
    local = at.astimezone(rota.zone)
    summaries = [str(event.get("SUMMARY", "")).strip() for event in recurring_ical_events.of(rota.calendar).at(local)]
    keys = [summary if summary in people.people else by_name.get(summary, "") for summary in summaries]
    return [key for key in keys if key]
