"""What the demo shows while it runs: what is where, and one live line."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.live import Live
from rich.text import Text

from demo.observer import Observer, Standing
from demo.pipeline import Pipeline
from tapwatch.errors import TapwatchError

_REFRESH_SECONDS = 1.0
_PLAIN_LINE_SECONDS = 15.0
"""How often a line is printed where nothing can be redrawn, as in a log file."""


@dataclass(frozen=True)
class Link:
    """One page to look at."""

    name: str
    url: str
    what: str


def links(pipeline: Pipeline) -> Sequence[Link]:
    """List the pages that people look at, the demo's own left out. Each one exists, whatever servers were found."""
    ports, options, pages = pipeline.ports, pipeline.options, pipeline.pages
    cluster = f"the cluster of {options.kubeconfig}" if options.kubeconfig else "three simulated API server replicas"
    dispensers = f"{len(pipeline.inventory)} of your own" if options.inventory else f"{options.dispensers} simulated"
    found = [Link("Group chat", ports.url("stand-in", "/"), "what on-call staff would get")]
    if pages is not None:
        found.append(Link("Prometheus", pages.prometheus, "the rules, judging"))
    if pages is not None and pages.alertmanager is not None:
        found.append(Link("Alertmanager", pages.alertmanager, "who is told what"))
    found += [
        Link("DingTalk bridge", ports.url("dingtalk", "/records"), "what was told, when, to whom"),
        Link("Dispenser exporter", ports.url("dispenser-exporter", "/"), f"{dispensers} dispensers"),
        Link("Cluster exporter", ports.url("cluster-exporter", "/"), cluster),
    ]
    if pipeline.has_dashboards:
        found.append(Link("Grafana", pipeline.grafana, "the dashboards"))
    return found


def overview(pipeline: Pipeline) -> str:
    """What runs where, and where to look first."""
    does = "state, links, and buttons that break things" if pipeline.breakable else "state and links"
    first = Link("Open this first", pipeline.ports.url("demo", "/"), does)
    lines = [f"{one.name:20}{one.url:40}{one.what}" for one in (first, *links(pipeline))]
    if not pipeline.has_dashboards:
        lines.append(f"{'Grafana':20}{pipeline.grafana}")
    lines.append(f"{'Logs and settings':20}{pipeline.folder}, gone when the demo ends")
    return "\n".join(["", *lines, ""])


def hints(pipeline: Pipeline) -> str:
    """What to try, as lines to type in another terminal; nothing when the dispensers are the person's own."""
    if pipeline.options.inventory is not None:
        return ""
    url = pipeline.ports.url("campus")
    called = Path(sys.argv[0])
    command = f"{called if called.name == 'tapwatch' else 'tapwatch'} simulate"
    return (
        "Break something on that page, or in another terminal:\n"
        f"  {command} list --url {url}\n"
        f"  {command} inject leak lib-1f-east --url {url}\n"
        f"  {command} clear --all --url {url}\n\n"
    )


async def show_until(stop: asyncio.Event, pipeline: Pipeline, console: Console) -> None:
    """Keep the status line true until `stop` is set; raises TapwatchError when a process ends by itself."""
    timeout = aiohttp.ClientTimeout(5)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        observer = Observer(session, pipeline.ports)
        if console.is_terminal:
            with Live(console=console, refresh_per_second=4) as live:
                while not await _stopped(stop, _REFRESH_SECONDS):
                    live.update(await _line(observer, pipeline))
        else:
            console.print(await _line(observer, pipeline))
            while not await _stopped(stop, _PLAIN_LINE_SECONDS):
                console.print(await _line(observer, pipeline))


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _line(observer: Observer, pipeline: Pipeline) -> Text:
    for child in pipeline.ended():
        raise TapwatchError(f"{child.name} ended by itself:\n{child.last_lines()}")
    try:
        return render(await observer.standing())
    except (aiohttp.ClientError, TimeoutError) as error:
        return Text(f"no answer: {error}", style="red")


def render(standing: Standing) -> Text:
    """The status line."""
    text = Text()
    if standing.targets:
        all_up = standing.targets_up == standing.targets
        text.append(f"targets up {standing.targets_up}/{standing.targets}", style="green" if all_up else "yellow")
    else:
        text.append("targets not scraped yet", style="yellow")
    names = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in Counter(standing.firing).items())
    text.append(
        f"   alerts firing {len(standing.firing)}" + (f" ({names})" if names else ""), style="red" if names else ""
    )
    text.append(f"   messages delivered {standing.delivered}")
    if standing.refused:
        text.append(f", refused {standing.refused}", style="red")
    return text
