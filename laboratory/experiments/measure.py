"""One experiment after the other, measured while it happens, and counted when its alerts have arrived."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import yaml

from alerting.dingtalk.settings import load_settings
from alerting.dingtalk.standin.server import StandIn
from demo.child import tapwatch_command
from laboratory.cluster.installation import OVERLAY, write_secrets
from laboratory.cluster.laboratory import Laboratory
from laboratory.experiments.experiments import Experiment, Goals
from laboratory.experiments.outside import Outage, Probe, outage, watching
from laboratory.experiments.scrapes import missed_scrapes
from laboratory.experiments.stack import Stack
from laboratory.experiments.stream import ALERT, SLOT_SECONDS, Tally, Told, begin, tally
from laboratory.servers.daemon import Daemon
from tapwatch import log
from tapwatch.errors import TapwatchError
from tapwatch.web import Address, Server
from tapwatch.webconfig import WebGate

SCRAPE_INTERVAL: Final = 15.0
BEFORE_SECONDS, AFTER_SECONDS = 15.0, 30.0
"""How long all is watched before it happens, and after all is right again."""
ARRIVAL_SECONDS: Final = 150.0
"""Until the last alert of an experiment has been told, and its end, too."""
PATIENCE_SECONDS: Final = 600.0
LOOK_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 20.0
"""A Prometheus that has too much to do is waited for; what it says goes further back."""
SEEN_SECONDS: Final = 60.0
"""So far back the witness looks: what came while a Prometheus did not answer, or nobody knew of it, is seen later."""
FIRING: Final = f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}'


@dataclass(frozen=True)
class Result:
    """What one experiment showed; seconds are counted from when it happened."""

    name: str
    goals: Goals
    began: float
    """Unix times."""
    happened: float
    noticed: float | None
    """When the cluster knew; None when it never did."""
    redundant: float | None
    """When as many replicas served as before; None when they did not before people mended it."""
    api: Outage
    scraped: Outage
    missed: int
    """Scrapes of dispensers that neither Prometheus has."""
    fired: tuple[int, ...]
    """The numbers of the stream that began to fire meanwhile."""
    tally: Tally = field(default_factory=lambda: Tally(0, (), (), ()))

    @property
    def slowest_alert(self) -> float:
        """Seconds by which the slowest alert came later than the usual one."""
        delays = self.tally.delays
        return max(delays) - median(delays) if delays else 0.0

    def shortfalls(self, slack: float = 1.0) -> list[str]:
        """Which goals it missed, and by what; all times may be `slack` times as long, as on a busy machine."""
        goals = self.goals
        figures: Sequence[tuple[str, float, float | None, str]] = (
            ("API right", self.api.right_after, _times(goals.api, slack), " s"),
            ("probes right", self.scraped.right_after, _times(goals.probes, slack), " s"),
            ("redundant", math.inf if self.redundant is None else self.redundant, _times(goals.redundant, slack), " s"),
            ("scrapes missed", self.missed, goals.missed, ""),
            ("alerts lost", len(self.tally.lost), goals.lost, ""),
            ("slowest alert later by", self.slowest_alert, _times(goals.late, slack), " s"),
        )
        return [
            f"{self.name}: {what} {'never' if figure == math.inf else f'{figure:.3g}{unit}'}, goal {goal:.3g}{unit}"
            for what, figure, goal, unit in figures
            if goal is not None and figure > goal
        ]


@dataclass
class Witness:
    """What the Prometheus pair scraped and fired, asked all the time: a pod that is replaced forgets."""

    stack: Stack
    up: dict[str, set[tuple[float, float]]] = field(default_factory=dict)
    """By dispenser: Unix times, and whether it was up."""
    fired: set[int] = field(default_factory=set)
    """Numbers of the stream's alerts."""

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """While the block runs, and once more at its end."""
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])
        await self._look()

    def missed(self, began: float, ended: float) -> int:
        """Scrapes between two Unix times that neither Prometheus has, of dispensers that either has seen."""
        return sum(missed_scrapes([self.up], began, ended, SCRAPE_INTERVAL).values())

    def fired_between(self, began: float, ended: float) -> tuple[int, ...]:
        """The stream's alerts that began between two Unix times, and fired."""
        per_slot = self.stack.variant.alerts_per_slot
        return tuple(number for number in sorted(self.fired) if began <= begin(number, per_slot) < ended)

    def require(self) -> None:
        """Raises TapwatchError when it has seen nothing: what was never there cannot be missed or lost."""
        if not (self.up and self.fired):
            raise TapwatchError(
                f"Prometheus told of {len(self.up)} dispensers and {len(self.fired)} alerts of the stream"
            )

    async def _look_again_and_again(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        """Ask each that answers."""
        with suppress(OSError):
            pods = await asyncio.to_thread(self.stack.ready, "prometheus")
            await asyncio.gather(*(self._question(pod.address) for pod in pods))

    async def _question(self, address: str) -> None:
        timeout = aiohttp.ClientTimeout(ANSWER_SECONDS)
        with suppress(OSError, aiohttp.ClientError):
            async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:
                for one in await _ask(session, address, f"dispenser_up[{SEEN_SECONDS:g}s]"):
                    samples = {(float(at), float(value)) for at, value in one["values"]}
                    self.up.setdefault(one["metric"]["instance"], set()).update(samples)
                for one in await _ask(session, address, FIRING):
                    self.fired.add(int(one["metric"]["number"]))


@dataclass(frozen=True)
class Bench:
    """The stack, and what stands outside of it."""

    stack: Stack
    api: Probe
    dispenser: Probe
    cloud: StandIn

    async def run(self, experiment: Experiment) -> Result:
        """Do it, wait until all is right again, and mend it.

        Raises TapwatchError when the stack stays broken then, or when nothing was seen that could be counted.
        """
        witness = Witness(self.stack)
        await self._until_whole()
        began = time.time()
        async with witness.looking():
            happened, noticed, redundant, broken_until = await self._break(experiment)
        ended = time.time()
        witness.require()
        return Result(
            name=experiment.name,
            goals=experiment.goals,
            began=began,
            happened=happened,
            noticed=noticed,
            redundant=redundant,
            api=outage(self.api.samples, happened, broken_until),
            scraped=outage(self.dispenser.samples, happened, broken_until),
            missed=witness.missed(began, ended),
            fired=witness.fired_between(began, ended - SLOT_SECONDS),
        )

    async def _break(self, experiment: Experiment) -> tuple[float, float | None, float | None, float]:
        """When it happened, the seconds until it was noticed and until redundant, and when people mended it."""
        stack = self.stack
        await asyncio.sleep(BEFORE_SECONDS)
        happened = time.time()
        noticed_by = await asyncio.to_thread(experiment.act, stack)
        noticed = await seconds_until(noticed_by, happened)  # what nobody has noticed yet looks whole
        redundant = await seconds_until(lambda: stack.whole(experiment.parts), happened)
        await asyncio.sleep(AFTER_SECONDS)
        broken_until = time.time()
        await asyncio.to_thread(experiment.undo, stack)
        await self._until_whole()
        await asyncio.sleep(AFTER_SECONDS)
        return happened, noticed, redundant, broken_until

    async def count(self, results: Sequence[Result]) -> list[Result]:
        """With what became of the alerts, once the last of them can have arrived."""
        await asyncio.sleep(ARRIVAL_SECONDS)
        told = [
            Told(one.time, one.message.title, one.message.text)
            for one in self.cloud.cloud.received()
            if one.verdict.accepted and not one.repeated
        ]
        return [replace(one, tally=tally(one.fired, told)) for one in results]

    async def _until_whole(self) -> None:
        if await seconds_until(self.stack.whole, time.time()) is None:
            raise TapwatchError(f"after {PATIENCE_SECONDS:g} s the stack is not whole: {dict(self.stack.parts())}")


def _times(goal: float | None, slack: float) -> float | None:
    return None if goal is None else goal * slack


@asynccontextmanager
async def outside(laboratory: Laboratory, folder: Path) -> AsyncIterator[StandIn]:
    """What the stack needs and no cluster holds, on this machine: the campus, and the stand-in for DingTalk."""
    here = laboratory.plane.lan.address
    log.configure("error", "console")  # the stand-in's, of each message
    write_secrets()
    secrets = OVERLAY / "secrets"
    robot = {"access_token_file": str(secrets / "ops.token"), "secret_file": str(secrets / "ops.secret")}
    settings = folder / "stand-in.yaml"
    settings.write_text(yaml.safe_dump({"robots": {"ops": robot}}), encoding="utf-8")
    stand_in = StandIn(load_settings(settings))
    options = [f"--modbus-host={here}", "--modbus-port=15020", f"--web.listen-address={here}:9810"]
    campus = Daemon("campus", tapwatch_command("simulate", *options), folder / "campus.log")
    try:
        async with Server(stand_in.service, WebGate(None)).running(Address(here, 9811)):
            yield stand_in
    finally:
        campus.stop()


@asynccontextmanager
async def observed(stack: Stack, cloud: StandIn) -> AsyncIterator[Bench]:
    """The stack, asked from outside all the time."""
    entrance = stack.laboratory.plane.entrance
    api = Probe("API", lambda: f"{entrance.url}/readyz", 0.25, entrance.trust)
    dispenser = Probe("dispenser", lambda: stack.probe_url, 0.5, text="dispenser_up 1")
    async with watching([api, dispenser]):
        yield Bench(stack, api, dispenser, cloud)


def save(results: Iterable[Result], file: Path) -> None:
    """As JSON, for the report."""
    file.write_text(json.dumps([asdict(one) for one in results], indent=1), encoding="utf-8")


async def seconds_until(
    condition: Callable[[], bool], since: float, patience: float = PATIENCE_SECONDS
) -> float | None:
    """When it came true, in seconds from `since` (Unix time); None when it did not within seconds of `patience`."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with suppress(OSError):
            if await asyncio.to_thread(condition):
                return time.time() - since
        await asyncio.sleep(0.2)
    return None


async def ask_pair(stack: Stack, query: str) -> list[list[dict[str, Any]]]:
    """What each Prometheus answers."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30), raise_for_status=True) as session:
        return [await _ask(session, one.address, query) for one in stack.ready("prometheus")]


async def _ask(session: aiohttp.ClientSession, address: str, query: str) -> list[dict[str, Any]]:
    async with session.get(f"http://{address}:9090/api/v1/query", params={"query": query}) as answer:
        found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
        return found
