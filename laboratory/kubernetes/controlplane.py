"""A real Kubernetes control plane on loopback: one etcd and one or several API servers.

No controller manager and no scheduler run, so nothing acts on what is created: no service account appears in a new
namespace, and the aggregated roles (`view`, `edit`, `admin`) stay empty.

The `kubernetes` EndpointSlice does not exist. An API server refuses to start when it would have to write a loopback
address there ("may not be in the loopback range"), so it is told not to write one; who watches these replicas names
their URLs. Each replica's Lease in kube-system is there, under a host name of its own (`Replica.name`), so that a
roster by leases is real; where the system does not allow own host names (`daemon.can_have_host_names`) all replicas
share one Lease.
"""

import http.client
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from laboratory.kubernetes.accounts import Accounts
from laboratory.kubernetes.apiserver import Replica, admin_trust, server_command, wait_until_ready, write_pki
from laboratory.kubernetes.certificates import YEAR, Authority
from laboratory.programs.gotools import ensure
from laboratory.servers.daemon import Daemon, free_port, stop_all

HOSTS = ("localhost", "127.0.0.1", "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
"""By these names every replica may be asked: through a balancer on loopback, and as the `kubernetes` Service."""


@dataclass(frozen=True)
class ControlPlane(Accounts):
    """The running servers; kubeconfig files are for the first replica when no server is named."""

    etcd: Daemon = field(repr=False)
    etcd_port: int
    replicas: tuple[Replica, ...]

    @classmethod
    @contextmanager
    def start(
        cls,
        folder: Path,
        *,
        replicas: int = 1,
        serving_lifetime: timedelta = YEAR,
        api_server_flags: Sequence[str] = (),
        etcd_flags: Sequence[str] = (),
    ) -> Iterator[Self]:
        """All servers, ready; none runs after the block. They keep everything in `folder`, each its log as NAME.log.

        Replica N serves at 127.0.0.N with a certificate of its own, valid for `serving_lifetime`. Raises
        TapwatchError with the end of a server's log when it does not get ready.
        """
        addresses = {f"apiserver-{number}": f"127.0.0.{number}" for number in range(1, replicas + 1)}
        pki, authority = folder / "pki", Authority.create("tapwatch-tests")
        admin = write_pki(pki, authority)
        with ExitStack() as running:
            etcd, etcd_port = _start_etcd(folder, etcd_flags)
            running.callback(etcd.stop)
            servers: list[Replica] = []
            running.callback(lambda: stop_all(server.daemon for server in servers))
            for name, address in addresses.items():
                serving = authority.server(name, [address, *HOSTS], serving_lifetime).write(pki, name)
                flags = (f"--etcd-servers=http://127.0.0.1:{etcd_port}", *api_server_flags)
                servers.append(_start_replica(name, address, serving, folder, flags))
            wait_until_ready(servers, etcd)
            yield cls(folder, authority, admin, servers[0], etcd, etcd_port, tuple(servers))

    @contextmanager
    def asking_etcd(self) -> Iterator[http.client.HTTPConnection]:
        """A connection for what API servers do not do."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.etcd_port, timeout=60)) as connection:
            yield connection


def _start_replica(name: str, address: str, serving: tuple[Path, Path], folder: Path, flags: Sequence[str]) -> Replica:
    """At a free port of this address, with what `folder`/pki holds; it is not ready yet."""
    pki, port = folder / "pki", free_port(address)
    command = [
        *server_command(address, port, serving, pki),
        "--endpoint-reconciler-type=none",  # with any other it refuses to start at a loopback address
        *flags,
    ]
    daemon = Daemon(name, command, folder / f"{name}.log", host_name=name)
    return Replica(name, address, port, admin_trust(pki), daemon)


def _start_etcd(folder: Path, flags: Sequence[str]) -> tuple[Daemon, int]:
    """Without TLS: it holds nothing but a test's data, and serves on loopback only."""
    port = free_port()
    url, peer = f"http://127.0.0.1:{port}", "http://127.0.0.1:0"  # a single member listens to no peer
    command: list[str | Path] = [
        ensure("etcd"),
        "--name=etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=etcd={peer}",
        "--unsafe-no-fsync",  # nobody needs the data after a power failure
        "--log-level=warn",
        *flags,
    ]
    return Daemon("etcd", command, folder / "etcd.log"), port
