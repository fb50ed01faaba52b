"""The simulator's dispensers over two weeks: people draw, parts wear, some fall ill, some are visited."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import UV_LAMP_SECONDS, Water, advance, used_dispenser
from exporters.dispenser.simulator.readings import READINGS
from laboratory.history.openmetrics import DAY, DAYS, HOUR, Sample, spell
from tapwatch import catalogue


@dataclass(frozen=True)
class Illness:
    """A fault, from so many hours before the end until so many."""

    fault: Fault
    began: float
    ended: float = 0


@dataclass(frozen=True)
class Story:
    """One dispenser: where it stands and what happens to it."""

    name: str
    site: str
    building: str
    floor: str
    gateway: str
    illnesses: Sequence[Illness] = ()
    visited_days_ago: float | None = None
    overdue: bool = False
    """Last maintained a month and more ago."""
    worn: bool = False
    """Its filters and its lamp are nearly used up."""


STORIES = (
    Story("lib-1f-east", "main-campus", "library", "1", "10.0.5.7:502", [Illness(Fault.LEAK, 0.5)]),
    Story("lib-2f-east", "main-campus", "library", "2", "10.0.5.7:502", visited_days_ago=9),
    Story("lib-3f-east", "main-campus", "library", "3", "10.0.5.7:502", [Illness(Fault.UNDERHEAT, 30)]),
    Story("eng-1f-west", "main-campus", "engineering", "1", "10.0.5.8:502", [Illness(Fault.WATER_QUALITY, 52)]),
    Story("eng-2f-west", "main-campus", "engineering", "2", "10.0.5.8:502", [Illness(Fault.UV_LAMP, 20)], worn=True),
    Story("eng-3f-west", "main-campus", "engineering", "3", "10.0.5.8:502", [Illness(Fault.COLD, 10)], overdue=True),
    Story("ward-a", "hospital", "ward", "1", "10.2.0.4:502", [Illness(Fault.LEAK, 120, 116)], visited_days_ago=3),
    Story("ward-b", "hospital", "ward", "2", "10.2.0.4:502", [Illness(Fault.OFFLINE, 6)]),
    Story("quay-1", "harbour", "terminal", "1", "10.3.0.4:502", [Illness(Fault.OFFLINE, 3)]),
    Story("quay-2", "harbour", "terminal", "1", "10.3.0.5:502", [Illness(Fault.OFFLINE, 3)]),
)


@dataclass(eq=False)
class Life:
    """A dispenser on its way through the weeks."""

    story: Story
    water: Water
    chance: random.Random
    visited: bool = field(default=False, init=False)

    def samples(self, moment: float, until: float) -> Iterator[Sample]:
        """What Prometheus has of it at the moment."""
        faults = self._faults(moment, until)
        silent = Fault.OFFLINE in faults
        yield self._spelled("up"), 1
        yield self._spelled(catalogue.DISPENSER_UP.name), not silent
        yield self._spelled(catalogue.DISPENSER_PROBE_SECONDS.name), 2.5 if silent else 0.16
        yield self._spelled(catalogue.DISPENSER_PROBE_REQUESTS.name), 1
        if silent:
            yield self._spelled(catalogue.DISPENSER_DOWN_INFO.name, ("reason", "timeout")), 1
            return
        yield self._spelled(catalogue.DISPENSER_MAP_VERSION.name, ("version", "1")), 1
        for (name, pairs), reading in READINGS.items():
            value = reading(self.water, faults)
            if value is not None and name != catalogue.DISPENSER_MAP_VERSION.name:
                yield self._spelled(name, *pairs), value

    def live(self, since: float, moment: float, until: float) -> None:
        """Let the time since the last look pass."""
        advance(self.water, moment - since, moment, self._faults(moment, until), self.chance)
        days = self.story.visited_days_ago
        if days is not None and not self.visited and until - moment <= days * DAY:
            self.visited = True
            self.water.last_maintenance = moment
            self.water.filter_life = [1.0] * 4
            self.water.filter_seconds = 0

    def _faults(self, moment: float, until: float) -> set[Fault]:
        left = (until - moment) / HOUR
        return {one.fault for one in self.story.illnesses if one.began >= left >= one.ended}

    @cache  # noqa: B019 - there are ten of them
    def _spelled(self, name: str, *pairs: tuple[str, str]) -> str:
        story = self.story
        labels = {
            "job": "dispensers",
            "instance": f"{story.gateway}/{STORIES.index(story) + 1}",
            "dispenser": story.name,
            "site": story.site,
            "building": story.building,
            "floor": story.floor,
            "module": "default",
            "gateway": story.gateway,
        }
        return spell(name, {**labels, **dict(pairs)})


def lives(until: float) -> list[Life]:
    """Every dispenser at the beginning."""
    began = until - DAYS * DAY
    found = []
    for number, story in enumerate(STORIES):
        chance = random.Random(number)
        water = used_dispenser(chance, began)
        water.last_maintenance = began - (25 if story.overdue else 8) * DAY
        if story.worn:
            water.filter_life = [0.15, 0.2, 0.5, 0.6]
            water.uv_seconds = UV_LAMP_SECONDS * 0.93
        found.append(Life(story, water, chance))
    return found
