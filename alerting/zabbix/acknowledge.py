"""Acknowledged in Zabbix is silenced in Alertmanager, and the other way round: what to do for the two to be in step."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerting.zabbix.alertmanager import ActiveAlert, Silence
from alerting.zabbix.problems import Problem

NAME_SECONDS = 20.0
"""How long a silence waits for the person's name, which may come with Zabbix' call only."""

_MARK = re.compile(r"\[Zabbix event (\d+)\]")


@dataclass(frozen=True)
class MakeSilence:
    """Somebody acknowledged in Zabbix."""

    problem: Problem
    alert: ActiveAlert
    person: str
    comment: str


@dataclass(frozen=True)
class EndSilence:
    """Somebody took the acknowledgement back in Zabbix, or the problem is over."""

    silence_id: str


@dataclass(frozen=True)
class Acknowledge:
    """Somebody silenced in Alertmanager."""

    event_id: str
    message: str


@dataclass(frozen=True)
class Unacknowledge:
    """The silence in Alertmanager has ended."""

    event_id: str
    message: str


Step = MakeSilence | EndSilence | Acknowledge | Unacknowledge


@dataclass(frozen=True)
class Zabbix:
    """What the problems themselves do not say."""

    bridge_user: str
    """Our own account's id."""
    persons: Mapping[str, str]
    """Who did something about an event last, as Zabbix told when it called."""
    now: float
    """Unix time."""


def steps(pairs: Iterable[tuple[Problem, ActiveAlert]], silences: Sequence[Silence], zabbix: Zabbix) -> list[Step]:
    """What brings both sides into step; nothing when they are."""
    by_id = {silence.id: silence for silence in silences}
    marked: dict[str, list[Silence]] = {}
    for silence in silences:
        if mark := _MARK.search(silence.comment):
            marked.setdefault(mark[1], []).append(silence)
    found: list[Step] = []
    for problem, alert in pairs:
        ours = marked.pop(problem.event_id, [])
        mine = {silence.id for silence in ours}
        others = [by_id[one] for one in alert.status.silenced_by if one in by_id and one not in mine]
        step = _step(problem, alert, ours, others, zabbix)
        if step is not None:
            found.append(step)
    return found


def leftovers(silences: Iterable[Silence], open_events: Iterable[str]) -> list[EndSilence]:
    """Silences that stand for an acknowledgement of a problem that is over: the next one must be heard."""
    still_open = set(open_events)
    return [
        EndSilence(silence.id)
        for silence in silences
        if silence.active and (mark := _MARK.search(silence.comment)) and mark[1] not in still_open
    ]


def _step(
    problem: Problem, alert: ActiveAlert, ours: Sequence[Silence], others: Sequence[Silence], zabbix: Zabbix
) -> Step | None:
    active = next((silence for silence in ours if silence.active), None)
    if not problem.acknowledged and active is not None:
        return EndSilence(active.id)
    if not problem.acknowledged:
        return _acknowledge(problem, next(iter(others), None), zabbix.bridge_user)
    if active is None and not others:
        return _silence(problem, alert, ours, zabbix)
    return None


def _acknowledge(problem: Problem, silence: Silence | None, bridge_user: str) -> Acknowledge | None:
    """What a silence of Alertmanager's does, unless a person has taken that back in Zabbix since."""
    last = problem.last_change
    by_person = last is not None and last.user_id != bridge_user
    if silence is None or (last is not None and by_person and last.unix_time >= silence.updated_at.timestamp()):
        return None
    return Acknowledge(problem.event_id, _told(silence))


def _silence(
    problem: Problem, alert: ActiveAlert, ours: Sequence[Silence], zabbix: Zabbix
) -> MakeSilence | Unacknowledge | None:
    """For an acknowledged problem that nothing silences: it is new, or its silence has ended."""
    last = problem.last_change
    since = last.unix_time if last is not None else problem.unix_time
    if last is not None and last.user_id == zabbix.bridge_user:
        return Unacknowledge(problem.event_id, "The silence in Alertmanager has ended.")
    if any(int(silence.starts_at.timestamp()) >= since for silence in ours):
        return Unacknowledge(problem.event_id, "The silence in Alertmanager that stood for this has ended.")
    person = zabbix.persons.get(problem.event_id) or (last.person if last is not None else "")
    if not person and zabbix.now - since < NAME_SECONDS:
        return None
    words = f"{last.message} " if last is not None and last.message else ""
    comment = f"{words}Acknowledged in Zabbix. [Zabbix event {problem.event_id}]"
    return MakeSilence(problem, alert, person or "somebody in Zabbix", comment)


def _told(silence: Silence) -> str:
    until = silence.ends_at.astimezone(UTC)
    return f"Silenced in Alertmanager by {silence.created_by} until {_moment(until)}: {silence.comment}"[:2000]


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M UTC")
