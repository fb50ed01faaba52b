"""How much it can do: dispensers and alerts doubled until something gives, and replicas by what there is to do."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
import psycopg
import yaml

from demo.child import tapwatch_command
from laboratory.cluster.laboratory import Laboratory
from laboratory.experiments.ledger import told_since
from laboratory.experiments.measure import SCRAPE_INTERVAL, Bench, Witness, ask_pair
from laboratory.experiments.outside import Outage, outage
from laboratory.experiments.report import table
from laboratory.experiments.stack import SCALED, Stack
from laboratory.experiments.stream import SLOT_SECONDS, Tally, tally
from laboratory.experiments.usage import cores, processor_seconds
from laboratory.servers.daemon import Daemon
from tapwatch.cache import tell

CAMPUS_DISPENSERS: Final = 24
FAILING_DISPENSERS: Final = 192
"""So many are read while things fail."""
WINDOW_SECONDS: Final = 60.0
"""Each step is watched for so long, once all is as it should be."""
SETTLE_SECONDS: Final = 240.0
"""Until that is so: the inventory is asked for each minute, and a rule takes as long to reach Prometheus."""
_ARRIVAL_SECONDS: Final = 120.0
_LATE_SECONDS: Final = 60.0
_MOST_MISSED: Final = 0.01
_DISPENSER_STEPS: Final = 8
"""As far as one ConfigMap holds the inventory: 6144 dispensers."""
_FIRST_ALERTS, _ALERT_STEPS = 8, 8
_SHOWN_CORES: Final = 0.03

LOAD_SECONDS: Final = 300.0
LOAD_PROBES: Final = 30.0
"""A second, beside Prometheus' own."""
LOAD_ALERTS: Final = 16
"""Each ten seconds."""
_DOWN_SECONDS: Final = 900.0


@dataclass(frozen=True)
class Load:
    """One way to load it."""

    name: str
    run: Callable[[Bench, Path], Awaitable[str]]
    """Does it with files of its own in a folder, and returns a table of Markdown; all is as before then."""
    autoscaled: bool = False
    """Whether replicas come and go by themselves meanwhile."""


@dataclass(frozen=True)
class Window:
    """What was to be seen while a step's load was on."""

    began: float
    ended: float
    """Unix times."""
    busy: Mapping[str, float]
    """The cores that each kept busy."""
    witness: Witness


async def double_dispensers(bench: Bench, folder: Path) -> str:
    """Twice as many dispensers, until scrapes are missed."""
    rows = []
    for step in range(1, _DISPENSER_STEPS + 1):
        count = CAMPUS_DISPENSERS * 2**step
        async with more_dispensers(bench.stack.laboratory, count - CAMPUS_DISPENSERS, folder) as inventory:
            stack = await asyncio.to_thread(bench.stack.change, more_dispensers=inventory)
            seen = await until(lambda: all_up(stack, count))  # noqa: B023 - awaited within this round
            window = await _watched(stack)
            missed = window.witness.missed(window.began, window.ended)
            slow = await _slowest_scrapes(stack)
        asked = outage(bench.dispenser.samples, window.began, window.ended)
        expected = count * WINDOW_SECONDS / SCRAPE_INTERVAL
        gives = not seen or missed > expected * _MOST_MISSED or asked.failed > 0
        rows.append(
            (
                str(count),
                f"{count / SCRAPE_INTERVAL * 2:.0f}/s",
                f"{missed} of {expected:.0f}" if seen else f"{missed} of {expected:.0f}, not all came up",
                f"{slow:.2f} s",
                _answers(asked),
                _busiest(window.busy),
            )
        )
        tell(f"dispensers doubled: {', '.join(rows[-1])}")
        if gives:
            break
    await asyncio.to_thread(bench.stack.change)
    header = ("dispensers", "probes", "scrapes missed", "slowest 1 % of scrapes", "probes from outside", "cores busy")
    return table(header, rows)


async def double_alerts(bench: Bench, _folder: Path) -> str:
    """Twice as many alerts, until one is lost or told a minute late."""
    rows = []
    for step in range(_ALERT_STEPS):
        per_slot = _FIRST_ALERTS * 2**step
        stack = await asyncio.to_thread(bench.stack.change, alerts_per_slot=per_slot)
        fires = await until(lambda: _all_fire(stack, per_slot))  # noqa: B023 - awaited within this round
        window = await _watched(stack)
        fired = window.witness.fired_between(window.began, window.ended - SLOT_SECONDS)
        counted = await _counted(stack, fired, window.began)
        messages = [one for one in bench.cloud.cloud.received() if window.began <= one.time < window.ended]
        slowest = max(counted.delays, default=0.0)
        rows.append(
            (
                f"{per_slot / SLOT_SECONDS:g}/s",
                str(counted.fired) if fires else f"{counted.fired}, not all fired",
                f"{len(counted.lost)} / {len(counted.doubled)}",
                f"{median(counted.delays or [math.nan]):.1f} s, {slowest:.1f} s",
                str(sum(one.verdict.accepted for one in messages)),
                _busiest(window.busy),
            )
        )
        tell(f"alerts doubled: {', '.join(rows[-1])}")
        if counted.lost or not fires or slowest > _LATE_SECONDS:
            break
    await asyncio.to_thread(bench.stack.change)
    return table(
        ("alerts", "fired", "lost / doubled", "told after: usually, at most", "messages a minute", "cores busy"), rows
    )


async def scale(bench: Bench, _folder: Path) -> str:
    """Probes and alerts for five minutes; replicas must come, and go again, and nobody must notice."""
    before = _replicas(bench.stack)
    began = time.time()
    stack = await asyncio.to_thread(bench.stack.change, alerts_per_slot=LOAD_ALERTS)
    seen, witness = Replicas(before), Witness(stack)
    async with witness.looking():
        async with _loaded(bench):
            await seen.follow(stack, lambda: time.time() - began > LOAD_SECONDS)
        calm = time.time()
        await asyncio.to_thread(bench.stack.change)
        await seen.follow(
            stack, lambda: time.time() - calm > _DOWN_SECONDS or (seen.are_back and time.time() - calm > 120)
        )
        ended = time.time()
    witness.require()
    told = await asyncio.to_thread(told_since, stack, began)
    counted = tally(witness.fired_between(began, calm), told, LOAD_ALERTS)
    rows = [
        (
            part,
            f"{before[part]} → {seen.most[part]} → {seen.now[part]}",
            _since(began, seen.first_more.get(part)),
            _since(calm, seen.last_more.get(part)),
        )
        for part in SCALED
    ]
    missed = witness.missed(began, ended)
    asked = outage(bench.dispenser.samples, began, ended)
    return table(("part", "replicas", "first more after", "as before after"), rows) + (
        f"\n{missed} scrapes missed; requests from outside: {_answers(asked)}; "
        f"of {counted.fired} alerts {len(counted.lost)} lost, {len(counted.doubled)} doubled.\n"
    )


LOADS: Final[Sequence[Load]] = (
    Load("dispensers doubled", double_dispensers),
    Load("alerts doubled", double_alerts),
    Load("replicas by load", scale, autoscaled=True),
)


@dataclass
class Replicas:
    """How many of each part there were, and when."""

    before: Mapping[str, int]
    most: dict[str, int] = field(default_factory=dict)
    now: Mapping[str, int] = field(default_factory=dict)
    first_more: dict[str, float] = field(default_factory=dict)
    last_more: dict[str, float] = field(default_factory=dict)
    """Unix times."""

    @property
    def are_back(self) -> bool:
        """As many as before."""
        return self.now == self.before

    async def follow(self, stack: Stack, over: Callable[[], bool]) -> None:
        """Look every few seconds."""
        while not over():
            with suppress(OSError):
                self.note(await asyncio.to_thread(_replicas, stack), time.time())
            await asyncio.sleep(2)

    def note(self, found: Mapping[str, int], at: float) -> None:
        """So many there were at this Unix time."""
        if found != self.now:
            tell(f"replicas: {dict(found)}")
        self.now = found
        for part, count in found.items():
            self.most[part] = max(count, self.most.get(part, 0))
            if count > self.before[part]:
                self.first_more.setdefault(part, at)
                self.last_more[part] = at


def _replicas(stack: Stack) -> Mapping[str, int]:
    parts = stack.parts()
    return {part: parts.get(part, 0) for part in SCALED}


@asynccontextmanager
async def more_dispensers(laboratory: Laboratory, count: int, folder: Path) -> AsyncIterator[Path]:
    """So many on this machine, beside the campus; their inventory."""
    here, inventory = laboratory.plane.lan.address, folder / "more-dispensers.yaml"
    inventory.unlink(missing_ok=True)
    options = [f"--dispensers={count}", f"--modbus-host={here}", "--modbus-port=20000", f"--inventory={inventory}"]
    command = tapwatch_command("simulate", *options, f"--web.listen-address={here}:9812")
    campus = Daemon("more-dispensers", command, folder / "more-dispensers.log")
    try:
        await until(lambda: asyncio.to_thread(inventory.exists))
        found = yaml.safe_load(inventory.read_text(encoding="utf-8"))["dispensers"]
        named = [{**one, "name": f"more-{one['name']}"} for one in found]
        inventory.write_text(yaml.safe_dump({"dispensers": named}, width=1000), encoding="utf-8")
        yield inventory
    finally:
        campus.stop()


@asynccontextmanager
async def _loaded(bench: Bench) -> AsyncIterator[None]:
    """Probes of every gateway from outside, on a beat; what they bring is not looked at."""
    url = bench.dispenser.url()
    urls = [url.replace(":15020/1", f":{15020 + gateway}/{unit}") for gateway in range(2) for unit in range(1, 9)]

    async def ask(session: aiohttp.ClientSession, number: int) -> None:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(urls[number % len(urls)]) as answer:
                await answer.read()

    async def beat(session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        for number in range(int(LOAD_SECONDS * LOAD_PROBES * 2)):
            tasks.create_task(ask(session, number))
            await asyncio.sleep(1 / LOAD_PROBES)

    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session,
        asyncio.TaskGroup() as tasks,
    ):
        beating = tasks.create_task(beat(session, tasks))
        yield
        beating.cancel()


async def _watched(stack: Stack) -> Window:
    """A window, which has passed then."""
    witness, began = Witness(stack), time.time()
    async with witness.looking():
        before, started = await asyncio.to_thread(processor_seconds, stack), time.monotonic()
        await asyncio.sleep(WINDOW_SECONDS)
        busy = cores(before, await asyncio.to_thread(processor_seconds, stack), time.monotonic() - started)
        ended = time.time()
    witness.require()
    return Window(began, ended, busy, witness)


async def _counted(stack: Stack, fired: Sequence[int], began: float) -> Tally:
    """What became of these alerts of a window, when all are told or it has been waited long enough."""
    counted = tally(fired, (), stack.variant.alerts_per_slot)

    async def all_told() -> bool:
        nonlocal counted
        told = await asyncio.to_thread(told_since, stack, began)
        counted = tally(fired, told, stack.variant.alerts_per_slot)
        return not counted.lost

    await until(all_told, _ARRIVAL_SECONDS)
    return counted


async def all_up(stack: Stack, count: int) -> bool:
    """Whether both Prometheus have read so many dispensers."""
    return _least(await ask_pair(stack, "count(dispenser_up == 1)")) >= count


async def _all_fire(stack: Stack, per_slot: int) -> bool:
    """Nearly a minute's alerts, more than there were at half the rate."""
    return _least(await ask_pair(stack, 'count(ALERTS{alertname="Streamed",alertstate="firing"})')) >= 6 * per_slot


async def _slowest_scrapes(stack: Stack) -> float:
    query = 'quantile(0.99, max_over_time(scrape_duration_seconds{job="dispensers"}[1m]))'
    return max((float(found[0]["value"][1]) for found in await ask_pair(stack, query) if found), default=math.nan)


def _least(answers: Iterable[Sequence[Mapping[str, Sequence[str]]]]) -> float:
    """The smaller of both Prometheus' numbers."""
    return min((float(found[0]["value"][1]) if found else 0.0 for found in answers), default=0.0)


async def until(condition: Callable[[], Awaitable[bool]], patience: float = SETTLE_SECONDS) -> bool:
    """Whether it came true in time; who does not answer has not said yes."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with suppress(aiohttp.ClientError, OSError, psycopg.Error):  # TimeoutError is an OSError
            if await condition():
                return True
        await asyncio.sleep(1)
    return False


def _answers(asked: Outage) -> str:
    return f"{asked.failed} of {asked.asked} failed, slowest {asked.slowest:.2f} s"


def _busiest(busy: Mapping[str, float]) -> str:
    named = ", ".join(f"{name} {value:.2f}" for name, value in busy.items() if value >= _SHOWN_CORES)
    return f"{sum(busy.values()):.2f}: {named}"


def _since(began: float, then: float | None) -> str:
    return "-" if then is None else f"{then - began:.0f} s"
