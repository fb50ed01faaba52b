"""The whole pipeline: every process started in the order in which they need each other, and stopped in reverse."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo import grafana
from demo.child import Child, tapwatch_command
from demo.front.documents import find_documents
from demo.links import ServerPages, find_server_pages
from demo.ports import Ports
from demo.servers import locate
from demo.settings import RESEND_SECONDS, Wanted, write_settings
from exporters.cluster.simulator import Replica, SimulatedControlPlane
from exporters.dispenser.inventory import Dispenser, load_inventory
from exporters.dispenser.mapfile import load_maps
from tapwatch.errors import ConfigError, Fault

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
    inventory: Path | None = None
    """The person's own dispensers, watched in place of a simulated campus."""
    maps: tuple[Path, ...] = ()


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
    pages: ServerPages | None = None
    """What the servers have to look at."""
    inventory: Sequence[Dispenser] = ()
    """The person's own dispensers."""
    documents: Path | None = field(default_factory=find_documents)
    """The folder that has `docs/`."""

    @property
    def has_dashboards(self) -> bool:
        """Whether there is a Grafana."""
        return self.grafana.startswith("http")

    @property
    def breakable(self) -> bool:
        """Whether anything is simulated, and may be broken."""
        return self.options.inventory is None or self.control_plane is not None

    @property
    def replicas(self) -> Sequence[Replica]:
        """The simulated API servers; none when a real cluster is watched."""
        return () if self.control_plane is None else self.control_plane.replicas

    def ended(self) -> Sequence[Child]:
        """Processes that should run and do not."""
        return [child for child in self.children if not child.running]


@asynccontextmanager
async def running_pipeline(
    folder: Path, options: Options, report: Report, inventory: Sequence[Dispenser] = ()
) -> AsyncIterator[Pipeline]:
    """Everything started and ready while the context lasts; nothing of it is left after. Raises TapwatchError.

    `inventory` is what `read_inventory` found for these options.
    """
    prometheus, alertmanager = locate("prometheus"), locate("alertmanager")
    async with AsyncExitStack() as stack:
        pipeline = Pipeline(folder, stack.enter_context(Ports.choose()), options, inventory=inventory)
        start = _Starter(pipeline, stack, report)
        dashboards = grafana.find(folder, pipeline.ports) if options.grafana else None
        write_settings(folder, pipeline.ports, _wanted(pipeline, dashboards=dashboards is not None))
        if options.inventory is None:
            await start.our_own("campus", *_campus(pipeline))
        await start.our_own(
            "dispenser-exporter", "dispenser-exporter", f"--config.file={folder}/dispenser-exporter.yaml"
        )
        watched = f"--kubeconfig={options.kubeconfig}"
        if options.kubeconfig is None:
            report("three simulated API server replicas")
            pipeline.control_plane = await stack.enter_async_context(
                SimulatedControlPlane(folder / "control-plane", replicas=3)
            )
            watched = f"--config.file={folder}/cluster-exporter.yaml"
        await start.our_own("cluster-exporter", "cluster-exporter", watched)
        await start.our_own("stand-in", "dingtalk", "stand-in", f"--robots={folder}/dingtalk.yaml")
        await start.our_own("dingtalk", "dingtalk", f"--config.file={folder}/dingtalk.yaml")
        await start.server("alertmanager", alertmanager, *_alertmanager(pipeline))
        await start.server("prometheus", prometheus, *_prometheus(pipeline))
        await _start_grafana(pipeline, start, dashboards)
        pipeline.pages = await find_server_pages(pipeline.ports)
        yield pipeline


def read_inventory(options: Options) -> Sequence[Dispenser]:
    """Read the person's own dispensers; none when the campus is simulated.

    Raises ConfigError with every fault of the file and its maps, as `tapwatch check inventory` does.
    """
    if options.inventory is None:
        return ()
    found = load_inventory([options.inventory], load_maps(options.maps)).dispensers
    if not found:
        raise ConfigError([Fault(str(options.inventory), None, "dispensers", "is empty; name at least one dispenser")])
    return found


def _wanted(pipeline: Pipeline, *, dashboards: bool) -> Wanted:
    options = pipeline.options
    inventory = options.inventory or pipeline.folder / "dispensers.yaml"
    return Wanted(
        options.language,
        local_time_zone(),
        inventory,
        options.maps,
        options.kubeconfig,
        documents=pipeline.documents is not None,
        dashboards=dashboards,
    )


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
        f"--rules.alert.resend-delay={RESEND_SECONDS}s",
    ]


async def _start_grafana(pipeline: Pipeline, start: _Starter, command: Sequence[str | Path] | None) -> None:
    if command is None:
        pipeline.grafana = grafana.HOW_TO_GET_IT if pipeline.options.grafana else "left out, as you asked for"
        return
    await start.server("grafana", *command, ready="/api/health")
    pipeline.grafana = pipeline.ports.url("grafana", grafana.FIRST_PAGE)


def local_time_zone() -> str:
    """The IANA name of this machine's time zone, UTC when it does not tell."""
    zone = os.environ.get("TZ", "").lstrip(":")
    if not zone and Path("/etc/localtime").is_symlink():
        zone = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    return zone if "/" in zone else "UTC"
