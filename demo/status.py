"""What the demo shows while it runs: what is where, and one live line."""

import asyncio
import sys
from collections import Counter
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


def overview(pipeline: Pipeline) -> str:
    """What runs where, and where to look first."""
    ports, options = pipeline.ports, pipeline.options
    cluster = f"the cluster of {options.kubeconfig}" if options.kubeconfig else "three simulated API server replicas"
    rows = (
        ("Group chat", ports.url("stand-in", "/"), "what on-call staff would get; open it beside this terminal"),
        ("Prometheus", ports.url("prometheus", "/alerts"), "the rules, judging"),
        ("Alertmanager", ports.url("alertmanager", "/api/v2/alerts"), "who is told what"),
        ("Dispenser exporter", ports.url("dispenser-exporter", "/"), f"{options.dispensers} simulated dispensers"),
        ("Cluster exporter", ports.url("cluster-exporter", "/metrics"), cluster),
        ("DingTalk bridge", ports.url("dingtalk", "/metrics"), "from Alertmanager to the chat"),
        ("Campus", ports.url("campus", "/dispensers"), "break something here"),
        ("Logs and settings", str(pipeline.folder), "gone when the demo ends"),
    )
    lines = [f"{name:20}{where:40}{what}" for name, where, what in rows]
    return "\n".join(["", *lines, f"{'Grafana':20}{pipeline.grafana or 'left out'}", ""])


def hints(pipeline: Pipeline) -> str:
    """What to try, as lines to type in another terminal."""
    url = pipeline.ports.url("campus")
    called = Path(sys.argv[0])
    command = f"{called if called.name == 'tapwatch' else 'tapwatch'} simulate"
    return (
        "Try in another terminal:\n"
        f"  {command} list --url {url}\n"
        f"  {command} inject leak lib-1f-east --url {url}\n"
        f"  {command} clear --all --url {url}"
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
    all_up = standing.targets_up == standing.targets
    text = Text()
    text.append(f"targets up {standing.targets_up}/{standing.targets}", style="green" if all_up else "yellow")
    names = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in Counter(standing.firing).items())
    text.append(
        f"   alerts firing {len(standing.firing)}" + (f" ({names})" if names else ""), style="red" if names else ""
    )
    text.append(f"   messages delivered {standing.delivered}")
    if standing.refused:
        text.append(f", refused {standing.refused}", style="red")
    return text
