"""HAProxy with the shipped settings before real dispenser exporters, which read a simulated campus."""

import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import yaml

from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.layout import Layout
from k8s.manifests import FOLDER
from laboratory.servers.daemon import Daemon, free_port
from laboratory.servers.haproxy import haproxy
from tests.integration.k8s.dns import NameServer, name_server

SETTINGS = FOLDER / "base" / "router" / "haproxy.cfg"
NAME = "dispenser-exporter-replicas.tapwatch.svc.cluster.local"
SECONDS = 30
_ENVIRONMENT = ("env", "POD_NAMESPACE=tapwatch", "CLUSTER_DOMAIN=cluster.local")


@dataclass(frozen=True)
class Replica:
    """A dispenser exporter at an address of its own, at the port of all of them."""

    address: str
    port: int
    daemon: Daemon

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.address}:{self.port}"


@dataclass(frozen=True)
class Router:
    """One HAProxy."""

    daemon: Daemon
    url: str
    own_url: str


@dataclass(frozen=True)
class Routed:
    """All of it, running."""

    session: aiohttp.ClientSession
    campus: Campus
    replicas: Mapping[str, Replica]
    names: NameServer
    routers: tuple[Router, ...]

    async def get(self, url: str, **query: str) -> tuple[int, str]:
        """Status and text."""
        async with self.session.get(url, params=query) as response:
            return response.status, await response.text()

    async def probe(self, address: str, router: int = 0) -> bool:
        """Whether a probe of this dispenser, through the router, read it."""
        status, text = await self.get(f"{self.routers[router].url}/probe", target=address)
        return status == HTTPStatus.OK and re.search(r"^dispenser_up 1(\.0)?$", text, re.MULTILINE) is not None

    async def probe_all(self) -> list[str]:
        """The dispensers that were not read, of all, asked at once."""
        units = [str(one.unit.address) for one in self.campus.dispensers.values()]
        answers = await asyncio.gather(*map(self.probe, units))
        return [unit for unit, good in zip(units, answers, strict=True) if not good]

    async def placement(self, router: int = 0) -> dict[str, frozenset[str]]:
        """By gateway the addresses of the replicas that its dispensers are read by."""
        placed: dict[str, set[str]] = defaultdict(set)
        for dispenser in self.campus.dispensers.values():
            before = await self.probes()
            address = dispenser.unit.address
            assert await self.probe(str(address), router)
            after = await self.probes()
            placed[str(address.gateway)] |= {name for name in after if after[name] != before.get(name, 0)}
        return {gateway: frozenset(replicas) for gateway, replicas in placed.items()}

    async def servers_up(self, router: int = 0) -> set[str]:
        """The addresses of the replicas that this router sends to, as it says itself."""
        _, text = await self.get(f"{self.routers[router].own_url}/metrics")
        up = re.findall(
            r'haproxy_server_status\{proxy="dispenser-exporters",server="(\w+)",state="UP"\} 1$', text, re.MULTILINE
        )
        return set(up)

    async def probes(self) -> dict[str, float]:
        """How many probes each replica has answered; one that is down is left out."""
        counts = {}
        for name, replica in self.replicas.items():
            if replica.daemon.running:
                _, text = await self.get(f"{replica.url}/metrics")
                counts[name] = sum(map(float, re.findall(r"^tapwatch_probes_total\{.*\} (\S+)$", text, re.MULTILINE)))
        return counts


@asynccontextmanager
async def routed(folder: Path, addresses: list[str], *, routers: int = 1) -> AsyncIterator[Routed]:
    """Exporters at these addresses of loopback, 32 gateways with 2 units each, and routers with a name server each.

    The gateways' ports are any free ones, and the hash spreads them as it likes: of as many each replica has some.
    """
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)))
        campus = await stack.enter_async_context(Campus.start(Layout(dispensers=64, units_per_gateway=2)))
        campus.write_inventory(folder / "dispensers.yaml")
        (folder / "settings.yaml").write_text(
            yaml.safe_dump({"inventory": ["./dispensers.yaml"], "targets": "inventory"}), encoding="utf-8"
        )
        port = free_port(addresses[0])
        replicas = {address: Replica(address, port, _exporter(folder, address, port)) for address in addresses}
        for replica in replicas.values():
            stack.callback(replica.daemon.stop)
        for replica in replicas.values():  # a new server counts as up until it is found down
            await until(lambda replica=replica: _answers(session, replica))  # type: ignore[misc]
        known = list(addresses)
        servers = [await stack.enter_async_context(name_server(NAME, known, seed)) for seed in range(routers)]
        made = tuple(_router(folder, number, server.port, port) for number, server in enumerate(servers))
        for router in made:
            stack.callback(router.daemon.stop)
        found = Routed(session, campus, replicas, servers[0], made)
        for number in range(routers):
            await until(lambda number=number: _count_up(found, number, len(addresses)))  # type: ignore[misc]
        yield found


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
    """Wait until it holds; while nothing answers, it does not."""

    async def waiting() -> None:
        while True:
            try:
                if await condition():
                    return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)

    await asyncio.wait_for(waiting(), seconds)


async def _answers(session: aiohttp.ClientSession, replica: Replica) -> bool:
    async with session.get(f"{replica.url}/-/ready") as response:
        return response.status == HTTPStatus.OK


async def _count_up(found: Routed, number: int, count: int) -> bool:
    return len(await found.servers_up(number)) == count


def _exporter(folder: Path, address: str, port: int) -> Daemon:
    command = [sys.executable, "-m", "tapwatch", "dispenser-exporter", f"--config.file={folder / 'settings.yaml'}"]
    return Daemon("exporter", [*command, f"--web.listen-address={address}:{port}"], folder / f"{address}.log")


def _router(folder: Path, number: int, name_server_port: int, exporter_port: int) -> Router:
    """The shipped settings; only addresses are others."""
    port, own_port = free_port(), free_port()
    text = SETTINGS.read_text(encoding="utf-8")
    for before, after in {
        "  parse-resolv-conf\n": f"  nameserver loopback 127.0.0.1:{name_server_port}\n",
        "  bind :9800\n": f"  bind 127.0.0.1:{port}\n",
        "  bind :8404\n": f"  bind 127.0.0.1:{own_port}\n",
        ':9802" resolvers': f':{exporter_port}" resolvers',
    }.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    file = folder / f"haproxy-{number}.cfg"
    file.write_text(text, encoding="utf-8")
    daemon = Daemon("router", [*_ENVIRONMENT, haproxy(), "-W", "-db", "-f", file], folder / f"haproxy-{number}.log")
    return Router(daemon, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{own_port}")
