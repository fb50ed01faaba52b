"""`tapwatch demo --check`: break a thing, follow the news of it through every stage, mend it, and follow that too."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import aiohttp

from alerting.dingtalk.message import RESOLVED_MARK
from demo.observer import Observer
from demo.pipeline import Pipeline, Report
from exporters.cluster.simulator import SimulatedControlPlane
from exporters.dispenser.address import parse_address
from exporters.dispenser.device import read_once
from exporters.dispenser.mapfile import load_maps
from exporters.dispenser.module import Module
from tapwatch import catalogue
from tapwatch.catalogue import Metric
from tapwatch.tls import verifying_context

STAGE_SECONDS = 90.0
"""What each stage gets before the check gives up."""

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Stage:
    """One place that the news passes."""

    name: str
    reached: Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Incident:
    """A thing to break, and where its news must show."""

    title: str
    alert: str
    label: str
    value: str
    """The label that names the broken thing in the alert, and its value."""
    broken: str
    """A PromQL expression that has a result while it is broken."""
    source_name: str
    source: Callable[[], Awaitable[bool]]
    """Whether the thing itself is broken, asked without the pipeline."""
    break_it: Callable[[], Awaitable[None]]
    mend_it: Callable[[], Awaitable[None]]


async def check(pipeline: Pipeline, report: Report) -> bool:
    """Break and mend a dispenser, and an API server replica where it is a simulated one; True when all news arrived."""
    timeout = aiohttp.ClientTimeout(10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        observer = Observer(session, pipeline.ports)
        if not await _wait(Stage("every target is up", lambda: _all_up(observer)), report, time.time()):
            return False
        incidents = []
        if pipeline.options.inventory is None:
            incidents.append(await _leak(pipeline, observer, session))
        else:
            report("The dispensers are your own, so none of them is broken: that half is left out.")
        if pipeline.control_plane is not None:
            incidents.append(_dead_replica(pipeline.control_plane))
        else:
            report("The control plane is your own, so none of its replicas is killed: that half is left out.")
        results = [await _follow(incident, observer, report) for incident in incidents]
        return all(results)


async def _all_up(observer: Observer) -> bool:
    standing = await observer.standing()
    return standing.targets > 0 and standing.targets == standing.targets_up


async def _follow(incident: Incident, observer: Observer, report: Report) -> bool:
    for broken, act, title in (
        (True, incident.break_it, incident.title),
        (False, incident.mend_it, f"{incident.title}: mended"),
    ):
        report(f"\n{title}")
        seen, started = len(await observer.messages()), time.time()
        await act()
        for stage in _stages(incident, observer, seen, broken=broken):
            if not await _wait(stage, report, started):
                return False
    return True


def _stages(incident: Incident, observer: Observer, seen: int, *, broken: bool) -> Iterator[Stage]:
    """The places that the news passes, in order; `seen` messages were there before."""
    identity = (incident.alert, incident.label, incident.value)

    async def source() -> bool:
        return await incident.source() == broken

    async def scraped() -> bool:
        return bool(await observer.query(incident.broken)) == broken

    async def judged() -> bool:
        return await observer.firing(*identity) == broken

    async def routed() -> bool:
        return await observer.with_alertmanager(*identity) == broken

    async def delivered() -> bool:
        return _arrived((await observer.messages())[seen:], incident.value, resolved=not broken)

    yield Stage(incident.source_name, source)
    yield Stage("scraped by Prometheus", scraped)
    yield Stage("rule fires" if broken else "rule is quiet", judged)
    yield Stage("Alertmanager has it" if broken else "Alertmanager let it go", routed)
    yield Stage("message delivered", delivered)


def _arrived(messages: Sequence[dict[str, object]], value: str, *, resolved: bool) -> bool:
    """Whether a message that DingTalk took speaks of `value`, as a resolved or as a firing alert."""
    lines = [line for message in messages if message["accepted"] for line in str(message["text"]).splitlines()]
    return any(value in line and line.startswith(RESOLVED_MARK) == resolved for line in lines)


async def _wait(stage: Stage, report: Report, started: float) -> bool:
    deadline = time.monotonic() + STAGE_SECONDS
    trouble = ""
    while time.monotonic() < deadline:
        try:
            if await stage.reached():
                report(f"  {time.time() - started:6.1f} s  {stage.name}")
                return True
        except (aiohttp.ClientError, TimeoutError) as error:
            trouble = f" ({type(error).__name__}: {error})"
        await asyncio.sleep(_POLL_SECONDS)
    report(f"  FAILED  {stage.name}: not within {STAGE_SECONDS:g} s{trouble}")
    return False


async def _leak(pipeline: Pipeline, observer: Observer, session: aiohttp.ClientSession) -> Incident:
    """A leak at the first dispenser that Prometheus knows."""
    labels = (await observer.query(f"sort({catalogue.DISPENSER_UP.name} == 1)"))[0]["metric"]
    name, address = labels["dispenser"], parse_address(labels["instance"])
    module = Module(load_maps([])[labels["module"]])
    tls = verifying_context()

    async def leaks() -> bool:
        """Read the dispenser's registers themselves, beside the exporter."""
        found = await read_once(address, module, 5.0, tls)
        return found.value(catalogue.DISPENSER_FAULT, fault="leak") == 1

    url = pipeline.ports.url("campus", f"/dispensers/{name}/faults/leak")

    async def inject() -> None:
        await (await session.post(url, raise_for_status=True)).read()

    async def clear() -> None:
        await (await session.delete(url, raise_for_status=True)).read()

    return Incident(
        title=f"A leak at {name}",
        alert="DispenserLeak",
        label="dispenser",
        value=name,
        broken=_expression(catalogue.DISPENSER_FAULT, 1, dispenser=name, fault="leak"),
        source_name="register changed",
        source=leaks,
        break_it=inject,
        mend_it=clear,
    )


def _dead_replica(control_plane: SimulatedControlPlane) -> Incident:
    """The last simulated API server replica, killed as `kill -9` does."""
    replica = control_plane.replicas[-1]
    down = _expression(catalogue.CONTROLPLANE_ENDPOINT_UP, 0, endpoint=replica.url, role="replica")

    async def is_dead() -> bool:
        return not replica.running

    return Incident(
        title=f"API server replica {replica.url} killed (simulated)",
        alert="ControlPlaneReplicaDown",
        label="endpoint",
        value=replica.url,
        broken=down,
        source_name="replica changed",
        source=is_dead,
        break_it=replica.kill,
        mend_it=replica.restart,
    )


def _expression(metric: Metric, value: int, **labels: str) -> str:
    matchers = ",".join(f'{name}="{label}"' for name, label in labels.items())
    return f"{metric.name}{{{matchers}}} == {value}"
