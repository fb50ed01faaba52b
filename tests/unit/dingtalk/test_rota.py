"""Who is on call: hand-over, turns, holidays, swaps, calendars, gaps, and summer time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.dingtalk.people import People, load_people
from alerting.dingtalk.rota import Gap, gaps, on_call, rung

TAIPEI = ZoneInfo("Asia/Taipei")
FILE = """
people:
  wang: {name: 王小明, mobile: "138-0000-0000"}
  chen: {name: Chen, user_id: manager4220}
  li: {name: Li, mobile: "+8613900000000"}
rotas:
  week:
    time_zone: Asia/Taipei
    start: 2026-11-02
    handover: "09:00"
    order: [wang, chen, li]
    holidays: {2026-12-25: li}
    swaps:
      - {from: 2026-11-03T12:00:00+08:00, until: 2026-11-03T18:00:00+08:00, person: chen}
  weekend:
    time_zone: Asia/Taipei
    calendar: ./weekend.ics
teams:
  facilities:
    levels: [{rota: week}, {people: [li, wang]}]
"""
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTART;TZID=Asia/Taipei:20261107T090000
DTEND;TZID=Asia/Taipei:20261109T090000
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:王小明
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART:20261104T090000
DTEND:20261104T100000
SUMMARY:chen
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    folder = tmp_path_factory.mktemp("people")
    (folder / "weekend.ics").write_text(CALENDAR, encoding="utf-8")
    (folder / "people.yaml").write_text(FILE, encoding="utf-8")
    return load_people(folder / "people.yaml")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-02T08:59:59", []),
        ("2026-11-02T09:00:00", ["wang"]),
        ("2026-11-09T08:59:59", ["wang"]),
        ("2026-11-09T09:00:00", ["chen"]),
        ("2026-11-16T09:00:00", ["li"]),
        ("2026-11-23T09:00:00", ["wang"]),
        ("2026-11-03T11:59:59", ["wang"]),
        ("2026-11-03T12:00:00", ["chen"]),
        ("2026-11-03T18:00:00", ["wang"]),
        ("2026-12-25T08:59:59", ["chen"]),
        ("2026-12-25T09:00:00", ["li"]),
        ("2026-12-26T08:59:59", ["li"]),
    ],
)
def test_people_take_turns_from_handover_to_handover(people: People, moment: str, expected: list[str]) -> None:
    assert on_call(people, people.rotas["week"], at(moment)) == expected
    assert on_call(people, people.rotas["week"], at(moment).astimezone(UTC)) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-07T08:59:59", []),
        ("2026-11-07T09:00:00", ["wang"]),
        ("2026-11-29T20:00:00", ["wang"]),
        ("2026-12-05T12:00:00", []),
        ("2026-11-04T09:30:00", ["chen"]),
    ],
)
def test_a_calendar_names_people_by_key_or_name(people: People, moment: str, expected: list[str]) -> None:
    assert on_call(people, people.rotas["weekend"], at(moment)) == expected


def test_gaps_are_found(people: People) -> None:
    found = list(gaps(people, people.rotas["week"], at("2026-11-01T09:00"), 30))
    assert found == [Gap(at("2026-11-01T09:00"), at("2026-11-02T09:00"))]
    weekend = list(gaps(people, people.rotas["weekend"], at("2026-11-07T09:00"), 8))
    assert weekend == [Gap(at("2026-11-09T09:00"), at("2026-11-14T09:00"))]


def test_each_level_rings_its_own(people: People) -> None:
    team, moment = people.teams["facilities"], at("2026-11-10T00:00")
    assert rung(people, team, 0, moment) == ["chen"]
    assert rung(people, team, 1, moment) == ["li", "wang"]
    assert rung(people, team, 9, moment) == ["li", "wang"], "there is nobody after the last"


def test_summer_time_moves_no_handover(tmp_path: Path) -> None:
    text = FILE.replace("Asia/Taipei", "Europe/Berlin").partition("  weekend:")[0] + "    days: 1\n"
    (tmp_path / "people.yaml").write_text(text, encoding="utf-8")
    found = load_people(tmp_path / "people.yaml")
    berlin = ZoneInfo("Europe/Berlin")
    for day in range(1, 31):
        begin = datetime(2027, 3, 1, 9, tzinfo=berlin) + timedelta(days=day)
        one, other = (on_call(found, found.rotas["week"], moment) for moment in (begin - timedelta(seconds=1), begin))
        assert one != other


@given(st.datetimes(datetime(2026, 11, 2, 9), datetime(2030, 1, 1)))  # noqa: DTZ001 - hypothesis wants bare ones
def test_from_the_start_on_somebody_is_on_call(people: People, moment: datetime) -> None:
    assert len(on_call(people, people.rotas["week"], moment.replace(tzinfo=TAIPEI))) == 1
