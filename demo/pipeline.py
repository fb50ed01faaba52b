"""The whole pipeline: every process started in the order in which they need each other, and stopped in reverse."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo import grafana
from demo.child import Child, tapwatch_command
from demo.ports import Ports
from demo.servers import locate
from demo.settings import write_settings
from exporters.cluster.simulator import SimulatedControlPlane

_READY_SECONDS = 30.0

Report = Callable[[str], None]
"""Says what happens, for the person who waits."""


@dataclass(frozen=True)
class Options:
    """What the person who starts the demo may choose."""

    dispensers: int
    speed: float
    language: str
    kubeconfig: Path | None
    grafana: bool


@dataclass
class Pipeline:
    """The running demo."""

    folder: Path
    ports: Ports
    options: Options
    children: list[Child] = field(default_factory=list)
    control_plane: SimulatedControlPlane | None = None
    grafana: str = ""
    """Grafana's URL, or why there is none."""

    def ended(self) -> Sequence[Child]:
        """Processes that should run and do not."""
        return [child for child in self.children if not child.running]


@asynccontextmanager
async def running_pipeline(folder: Path, options: Options, report: Report) -> AsyncIterator[Pipeline]:
    """Everything started and ready while the context lasts; nothing of it is left after. Raises TapwatchError."""
    prometheus, alertmanager = locate("prometheus"), locate("alertmanager")
    pipeline = Pipeline(folder, Ports.choose(), options)
    async with AsyncExitStack() as stack:
        start = _Starter(pipeline, stack, report)
        write_settings(folder, pipeline.ports, options.language, local_time_zone())
        await start.our_own("campus", *_campus(pipeline))
        await start.our_own(
            "dispenser-exporter", "dispenser-exporter", f"--config.file={folder}/dispenser-exporter.yaml"
        )
        kubeconfig = options.kubeconfig
        if kubeconfig is None:
            report("three simulated API server replicas")
            pipeline.control_plane = await stack.enter_async_context(
                SimulatedControlPlane(folder / "control-plane", replicas=3)
            )
            kubeconfig = pipeline.control_plane.kubeconfig
        await start.our_own("cluster-exporter", "cluster-exporter", f"--kubeconfig={kubeconfig}")
        await start.our_own("stand-in", "dingtalk", "stand-in", f"--robots={folder}/dingtalk.yaml")
        await start.our_own("dingtalk", "dingtalk", f"--config.file={folder}/dingtalk.yaml")
        await start.server("alertmanager", alertmanager, *_alertmanager(pipeline))
        await start.server("prometheus", prometheus, *_prometheus(pipeline))
        if options.grafana:
            await _start_grafana(pipeline, start)
        yield pipeline


class _Starter:
    """Starts processes one after the other, and sees to it that each one stops."""

    def __init__(self, pipeline: Pipeline, stack: AsyncExitStack, report: Report) -> None:
        self._pipeline = pipeline
        self._stack = stack
        self._report = report

    async def our_own(self, name: str, *arguments: str) -> None:
        listen = f"--web.listen-address={self._pipeline.ports.address(name)}"
        await self.server(name, *tapwatch_command(*arguments, listen, "--log.format=json"))

    async def server(self, name: str, *command: str | Path, ready: str = "/-/ready") -> None:
        self._report(name)
        child = await Child.start(name, command, self._pipeline.folder / f"{name}.log")
        self._stack.push_async_callback(child.stop)
        await child.wait_ready(self._pipeline.ports.url(name, ready), _READY_SECONDS)
        self._pipeline.children.append(child)


def _campus(pipeline: Pipeline) -> list[str]:
    return [
        "simulate",
        f"--dispensers={pipeline.options.dispensers}",
        f"--speed={pipeline.options.speed:g}",
        "--modbus-port=0",
        f"--inventory={pipeline.folder}/dispensers.yaml",
    ]


def _alertmanager(pipeline: Pipeline) -> list[str]:
    return [
        f"--config.file={pipeline.folder}/alertmanager.yaml",
        f"--storage.path={pipeline.folder}/alertmanager",
        f"--web.listen-address={pipeline.ports.address('alertmanager')}",
        f"--web.external-url={pipeline.ports.url('alertmanager')}",
        "--cluster.listen-address=",
    ]


def _prometheus(pipeline: Pipeline) -> list[str]:
    return [
        f"--config.file={pipeline.folder}/prometheus.yaml",
        f"--storage.tsdb.path={pipeline.folder}/prometheus",
        f"--web.listen-address={pipeline.ports.address('prometheus')}",
        f"--web.external-url={pipeline.ports.url('prometheus')}",
    ]


async def _start_grafana(pipeline: Pipeline, start: _Starter) -> None:
    command = grafana.find(pipeline.folder, pipeline.ports)
    if command is None:
        pipeline.grafana = grafana.HOW_TO_GET_IT
        return
    await start.server("grafana", *command, ready="/api/health")
    pipeline.grafana = pipeline.ports.url("grafana", grafana.FIRST_PAGE)


def local_time_zone() -> str:
    """The IANA name of this machine's time zone, UTC when it does not tell."""
    zone = os.environ.get("TZ", "").lstrip(":")
    if not zone and Path("/etc/localtime").is_symlink():
        zone = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    return zone if "/" in zone else "UTC"
