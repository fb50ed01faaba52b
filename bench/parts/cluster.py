"""A cluster of 1,000 nodes and 20,000 pods on one API server: what watching it takes, beside kube-state-metrics."""

import asyncio
import gzip
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click
import yaml
from rich.table import Table

from bench.process import most_memory, running_process
from bench.run import Part, Run, figures_table
from laboratory.kubernetes.controlplane import ControlPlane
from laboratory.kubernetes.kwok import nodes_kept_alive
from laboratory.kubernetes.population import Population, populate, put
from laboratory.programs.gotools import ensure
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError
from tapwatch.table import print_table
from tapwatch.web import free_port

_OURS, _PEER = "tapwatch", "kube-state-metrics"
"""Names of candidates, and by which they ask the API server."""
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases?resourceVersion=0"
_ALIVE_SECONDS = 300
_SCRAPE_SECONDS = 15.0
_SETTLE_SECONDS = 45.0
"""Long enough for each to have read everything, and to have been scraped since."""
_CHANGES_PER_SECOND = 10
"""Of pods; every node's lease is renewed each 10 s besides."""
_PARTS = ("write", "leaders", "nodes", "components", "services", "pods", "workloads")
"""All but the kubelets, whom kube-state-metrics does not ask, and of whom there are none here."""
_SAME_COLLECTIONS = (
    "daemonsets,deployments,leases,mutatingwebhookconfigurations,nodes,pods,services,statefulsets,"
    "validatingwebhookconfigurations"
)


@dataclass(frozen=True)
class _Candidate:
    """An exporter of cluster state."""

    name: str
    user: str
    """By whose name it asks the API server."""
    command: tuple[str, ...]
    url: str
    """Its metrics."""


@dataclass(frozen=True)
class _Scrape:
    """One answer."""

    series: int
    wire_bytes: int
    seconds: float


@dataclass(frozen=True)
class _Figures:
    """What one took."""

    name: str
    start_seconds: float
    """CPU until it had settled, scrapes included."""
    share_of_core: float
    most_megabytes: float
    megabytes: float
    """Of memory: the most that was seen, and at the end."""
    requests: float
    """Of the API server, a second."""
    scrape: _Scrape
    """The last."""


@click.command("cluster")
@click.option("--nodes", type=click.IntRange(1), default=1_000, show_default=True)
@click.option("--pods", type=click.IntRange(40), default=20_000, show_default=True, help="In Deployments of 40.")
@click.option("--seconds", type=click.IntRange(15), default=60, show_default=True, help="To measure each for.")
@click.pass_obj
def command(run: Run, nodes: int, pods: int, seconds: int) -> None:
    """A cluster watched, beside kube-state-metrics: CPU, memory, requests."""
    peer = ensure(_PEER)  # before all else, as building it takes minutes
    with run.part("cluster") as part, _populated(part, Population("shop", nodes, pods // 40, 40)) as plane:
        audit = plane.folder / "audit.log"
        figures = []
        for candidate in (_ours(part, plane), *_peers(peer, plane)):
            part.tell(f"{candidate.name}, {_SETTLE_SECONDS + seconds:g} s")
            figures.append(asyncio.run(_measure(candidate, seconds, audit)))
        print_table(_table(f"{nodes} nodes and {pods} pods, for {seconds} s", figures))


@contextmanager
def _populated(part: Part, population: Population) -> Iterator[ControlPlane]:
    """A living cluster on one API server that logs who asks for what."""
    policy = part.folder / "audit.yaml"
    rule = {"level": "Metadata", "users": [_OURS, _PEER]}
    stages = {"omitStages": ["RequestReceived", "ResponseStarted"]}
    content = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule, {"level": "None"}], **stages}
    policy.write_text(yaml.safe_dump(content), encoding="utf-8")
    folder = part.folder / "plane"
    flags = [f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}"]
    part.tell("starting an API server")
    with ControlPlane.start(folder, api_server_flags=flags) as plane:
        part.tell(f"writing {population.nodes} nodes and {population.pods} pods")
        with plane.asking_etcd() as etcd:
            populate(population, etcd)
        plane.create("/api/v1/namespaces", {"metadata": {"name": "tapwatch"}})
        with nodes_kept_alive(plane):
            part.tell("waiting until all nodes live")
            if not comes_true(lambda: _leases(plane) == population.nodes, _ALIVE_SECONDS):
                raise TapwatchError(f"not all nodes live after {_ALIVE_SECONDS} s")
            with _changing(population, plane):
                yield plane


def _leases(plane: ControlPlane) -> int:
    return len(plane.replicas[0].ask("GET", _LEASES).json()["items"])


@contextmanager
def _changing(population: Population, plane: ControlPlane) -> Iterator[None]:
    """Pods change all the time, one after another."""
    over = threading.Event()

    def change() -> None:
        again = itertools.chain.from_iterable(population.objects() for _ in itertools.count())
        pods = (one for one in again if one["kind"] == "Pod")
        with plane.asking_etcd() as etcd:
            while not over.wait(1 / _CHANGES_PER_SECOND):
                put([next(pods)], etcd)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _ours(part: Part, plane: ControlPlane) -> _Candidate:
    """The API server is both the only replica and the address, so that it gets all requests."""
    kubeconfig = plane.client_kubeconfig(_OURS, groups=["system:masters"])
    settings, address = part.folder / "cluster.yaml", f"127.0.0.1:{free_port()}"
    cluster = {"name": "bench", "kubeconfig": str(kubeconfig), "endpoints": [plane.replicas[0].url]}
    settings.write_text(yaml.safe_dump({"clusters": [cluster], "parts": list(_PARTS)}), encoding="utf-8")
    profile = part.profile("cluster")
    sampled = ["bench.sampler", str(profile)] if profile is not None else ["tapwatch"]
    options = [f"--config.file={settings}", f"--web.listen-address={address}", "--log.level=error"]
    command = (sys.executable, "-m", *sampled, "cluster-exporter", *options)
    return _Candidate(_OURS, _OURS, command, f"http://{address}/metrics")


def _peers(executable: Path, plane: ControlPlane) -> Iterator[_Candidate]:
    """With all that it collects by itself, and with what ours looks at."""
    kubeconfig = plane.client_kubeconfig(_PEER, groups=["system:masters"])
    for title, more in ((_PEER, ()), ("the same collections", (f"--resources={_SAME_COLLECTIONS}",))):
        port, telemetry = free_port(), free_port()
        places = (f"--port={port}", f"--telemetry-port={telemetry}", "--host=127.0.0.1", "--telemetry-host=127.0.0.1")
        command = (str(executable), f"--kubeconfig={kubeconfig}", *places, *more)
        yield _Candidate(title, _PEER, command, f"http://127.0.0.1:{port}/metrics")


async def _measure(candidate: _Candidate, seconds: float, audit: Path) -> _Figures:
    async with (
        running_process(candidate.command, candidate.url.removesuffix("/metrics") + "/") as process,
        aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(60)) as session,
    ):
        watching = asyncio.create_task(most_memory(process))
        await _scrape_for(_SETTLE_SECONDS, session, candidate.url)
        started, asked = process.cpu_seconds(), _requests(audit, candidate.user)
        scrape = await _scrape_for(seconds, session, candidate.url)
        share = (process.cpu_seconds() - started) / seconds
        requests = (_requests(audit, candidate.user) - asked) / seconds
        memory = process.memory_bytes()
        watching.cancel()
        (most,) = await asyncio.gather(watching)
    return _Figures(candidate.name, started, share, most / 1e6, memory / 1e6, requests, scrape)


async def _scrape_for(seconds: float, session: aiohttp.ClientSession, url: str) -> _Scrape:
    """As Prometheus does, gzip where it is had; the last scrape."""
    ends = time.monotonic() + seconds
    while True:
        started = time.monotonic()
        async with session.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
            body = await answer.read()
            packed = answer.headers.get("Content-Encoding") == "gzip"
        took = time.monotonic() - started
        await asyncio.sleep(max(0, min(started + _SCRAPE_SECONDS, ends) - time.monotonic()))
        if time.monotonic() >= ends:
            lines = (gzip.decompress(body) if packed else body).splitlines()
            return _Scrape(sum(not line.startswith(b"#") for line in lines), len(body), took)


def _requests(audit: Path, user: str) -> int:
    """How many requests of this user the API server has answered."""
    with audit.open(encoding="utf-8") as lines:
        return sum(json.loads(line)["user"]["username"] == user for line in lines)


def _table(title: str, figures: Sequence[_Figures]) -> Table:
    table = figures_table(title, "", *(one.name for one in figures))
    rows = {
        f"CPU of the first {_SETTLE_SECONDS:g} s": [f"{one.start_seconds:.1f} s" for one in figures],
        "CPU from then on": [f"{one.share_of_core:.1%} of a core" for one in figures],
        "memory, most": [f"{one.most_megabytes:.0f} MB" for one in figures],
        "memory, at the end": [f"{one.megabytes:.0f} MB" for one in figures],
        "requests of the API server": [f"{one.requests:.2f}/s" for one in figures],
        "series": [str(one.scrape.series) for one in figures],
        "a scrape": [f"{one.scrape.wire_bytes / 1e6:.2f} MB" for one in figures],
        "it takes": [f"{1000 * one.scrape.seconds:.0f} ms" for one in figures],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table
