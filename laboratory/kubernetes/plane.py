"""A real, highly available control plane: three masters, each a machine of its own, in two zones, behind one address.

Each master has an etcd member, an API server, a controller manager and a scheduler. HAProxy stands on this machine and
passes connections to API servers that say they are ready. Their addresses are in the EndpointSlice `kubernetes`. TLS is
everywhere, with RBAC and Kubernetes' own roles; the aggregation layer and webhooks reach endpoints of Services that
this machine, or any other on the network, serves. Kubelets come with the laboratory's workers; without them nodes are
objects only, kept alive by kwok.
"""

import http.client
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from laboratory.kubernetes.accounts import Accounts
from laboratory.kubernetes.apiserver import SERVICE_ADDRESS, Endpoint, admin_trust, wait_until_ready, write_pki
from laboratory.kubernetes.certificates import Authority
from laboratory.kubernetes.controlplane import HOSTS
from laboratory.kubernetes.etcd import AUTHORITY, CLIENT, CLIENT_PORT, start_member, write_etcd_pki
from laboratory.kubernetes.master import (
    KUBELET_CLIENT,
    PORT,
    Master,
    start_api_server,
    start_controller_manager,
    start_scheduler,
    write_serving,
)
from laboratory.servers.daemon import Daemon
from laboratory.servers.haproxy import configuration, haproxy
from laboratory.servers.lan import Lan, Machine
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

ZONES = {"master-1": "zone-a", "master-2": "zone-a", "master-3": "zone-b"}
ELECTED = ("kube-controller-manager", "kube-scheduler")
SETTLE_SECONDS = 90
FRESH = timedelta(seconds=5)
"""Leaders renew their leases every 2 s."""


@dataclass(frozen=True)
class Flags:
    """What servers are told beside what every control plane's are."""

    api_server: tuple[str, ...] = ()
    controller_manager: tuple[str, ...] = ()


@dataclass(frozen=True)
class HighlyAvailable(Accounts):
    """The running control plane; `entrance` is the address that users use."""

    lan: Lan
    masters: tuple[Master, ...]
    balancer: Daemon = field(repr=False)

    @classmethod
    @contextmanager
    def start(cls, folder: Path, flags: Flags = Flags()) -> Iterator[Self]:
        """Everything ready, leaders elected; nothing is left after the block. Logs are in `folder`/NAME.

        Raises TapwatchError with the end of a server's log when it does not get ready.
        """
        pki, authority = folder / "pki", Authority.create("tapwatch-tests")
        admin = write_pki(pki, authority)
        authority.client("kube-apiserver-kubelet-client", ["system:masters"]).write(pki, KUBELET_CLIENT)
        _write_front_proxy_pki(pki)
        with Lan.start(folder) as lan:
            machines = [lan.add_machine(name, number) for number, name in enumerate(ZONES, 11)]
            write_etcd_pki(pki, machines)
            entrance = Endpoint("address", f"{lan.network}.10", PORT, admin_trust(pki))
            masters = _start_masters(machines, entrance, authority, folder, flags)
            balancer = _start_balancer(lan, entrance, masters, folder)
            plane = cls(folder, authority, admin, entrance, lan, masters, balancer)
            plane.settle()
            yield plane

    @contextmanager
    def asking_etcd(self, master: Master) -> Iterator[http.client.HTTPSConnection]:
        """A connection to the member of a master."""
        authority, certificate, key = self.etcd_credentials
        trust = ssl.create_default_context(cafile=authority)
        trust.load_cert_chain(certificate, key)
        connection = http.client.HTTPSConnection(master.machine.address, CLIENT_PORT, timeout=60, context=trust)
        with closing(connection):
            yield connection

    def readmit_etcd(self, master: Master) -> None:
        """A master's etcd member that lost its data joins the others again. Raises TapwatchError."""
        with self.asking_etcd(next(one for one in self.masters if one != master)) as another:
            master.readmit_etcd(another)

    @property
    def etcd_credentials(self) -> tuple[Path, Path, Path]:
        """The files of etcd's authority, and of a client's certificate and key."""
        pki = self.folder / "pki"
        return pki / f"{AUTHORITY}.crt", pki / f"{CLIENT}.crt", pki / f"{CLIENT}.key"

    def mend(self) -> None:
        """Undo whatever was done to any part, and wait until all is well again."""
        for master in self.masters:
            master.mend()
        self.balancer.resume()
        self.balancer.start()
        self.settle()

    def settle(self) -> None:
        """Wait until every API server is ready and listed, and there are leaders. Raises TapwatchError."""
        wait_until_ready((master.api for master in self.masters), *(master.etcd for master in self.masters))
        self._wait("the address does not answer", self.entrance.ready)
        self._wait("the endpoints are not those of all masters", self._lists_all)
        for component in ELECTED:
            self._wait(f"nobody leads as {component}", partial(self._is_led, component))

    def leader(self, component: str) -> Master:
        """The master whose `kube-scheduler` or `kube-controller-manager` holds the lease."""
        holder = self._lease(component)["holderIdentity"]
        return next(master for master in self.masters if holder.startswith(f"{master.name}_"))

    def _lists_all(self) -> bool:
        answer = self.entrance.ask("GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        listed = {address for one in answer.json().get("endpoints") or () for address in one["addresses"]}
        return listed == {master.api.address for master in self.masters}

    def _is_led(self, component: str) -> bool:
        """Whether a leader is alive, or was until moments ago."""
        renewed = self._lease(component).get("renewTime")
        return renewed is not None and datetime.now(UTC) - datetime.fromisoformat(renewed) < FRESH

    def _lease(self, component: str) -> Any:  # noqa: ANN401 - JSON
        answer = self.entrance.ask("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{component}")
        return answer.json().get("spec", {})

    def _wait(self, trouble: str, condition: Callable[[], bool]) -> None:
        if not comes_true(condition, SETTLE_SECONDS):
            ends = [f"{one.name}:\n{one.log_end(5)}" for master in self.masters for one in master.daemons]
            raise TapwatchError("\n".join([f"{trouble} after {SETTLE_SECONDS} s", *ends]))


def _write_front_proxy_pki(pki: Path) -> None:
    """With this certificate API servers ask servers of other APIs in their users' names."""
    authority = Authority.create("tapwatch-tests-front-proxy")
    authority.write(pki, "front-proxy-ca")
    authority.client("front-proxy-client").write(pki, "front-proxy-client")


def _start_masters(
    machines: Sequence[Machine], entrance: Endpoint, authority: Authority, folder: Path, flags: Flags
) -> tuple[Master, ...]:
    """All at once; none is ready yet."""
    pki = folder / "pki"
    masters = []
    for machine in machines:
        own = folder / machine.name
        own.mkdir()
        hosts = (machine.name, machine.address, entrance.address, SERVICE_ADDRESS, *HOSTS)
        etcd = start_member(machine, machines, own, pki)
        serving = write_serving(own, machine.name, hosts, authority)
        api = start_api_server(machine, serving, own, pki, flags.api_server)
        manager = start_controller_manager(machine, authority, own, pki, flags.controller_manager)
        scheduler = start_scheduler(machine, authority, own)
        master = Master(machine, ZONES[machine.name], own, authority, hosts, etcd, api, manager, scheduler)
        masters.append(master)
    return tuple(masters)


def _start_balancer(lan: Lan, entrance: Endpoint, masters: Sequence[Master], folder: Path) -> Daemon:
    lan.add_address(entrance.address)
    servers = {master.name: f"{master.api.address}:{master.api.port}" for master in masters}
    file = folder / "haproxy.cfg"
    file.write_text(configuration(entrance.address, entrance.port, servers))
    balancer = Daemon("haproxy", [haproxy(), "-db", "-f", file], folder / "haproxy.log")
    lan.running.callback(balancer.kill)
    return balancer
