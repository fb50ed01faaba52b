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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from tapwatch.errors import TapwatchError
from tests.servers.apiserver import Answer, Replica, start_replica, wait_until_ready
from tests.servers.certificates import YEAR, Authority, Credential, key_pem, new_key, write_secret
from tests.servers.daemon import Daemon, free_port, stop_all
from tests.servers.gotools import ensure
from tests.servers.kubeconfig import certificate_user, token_user, write_kubeconfig

HOSTS = ("localhost", "127.0.0.1", "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
"""By these names every replica may be asked: through a balancer on loopback, and as the `kubernetes` Service."""


@dataclass(frozen=True)
class ControlPlane:
    """The running servers, and the means to give people access."""

    folder: Path
    authority: Authority = field(repr=False)
    admin: Credential = field(repr=False)
    etcd: Daemon = field(repr=False)
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
        admin = _write_pki(pki, authority)
        for name, address in addresses.items():
            authority.server(name, [address, *HOSTS], serving_lifetime).write(pki, name)
        with ExitStack() as running:
            etcd, etcd_url = _start_etcd(folder, etcd_flags)
            running.callback(etcd.stop)
            servers: list[Replica] = []
            running.callback(lambda: stop_all(server.daemon for server in servers))
            for name, address in addresses.items():
                flags = (f"--etcd-servers={etcd_url}", *api_server_flags)
                servers.append(start_replica(name, address, folder, flags))
            wait_until_ready(servers, etcd)
            yield cls(folder, authority, admin, etcd, tuple(servers))

    @cached_property
    def kubeconfig(self) -> Path:
        """The administrator's, with a client certificate, for the first replica."""
        return self._kubeconfig("admin", certificate_user(self.admin), None)

    def client_kubeconfig(self, user: str, *, groups: Iterable[str] = (), server: str | None = None) -> Path:
        """USER.kubeconfig, of a user known by a client certificate; for the first replica when no server is named."""
        return self._kubeconfig(user, certificate_user(self.authority.client(user, groups)), server)

    def token_kubeconfig(self, account: str, *, namespace: str = "default", server: str | None = None) -> Path:
        """ACCOUNT.kubeconfig, with a token for an hour of this service account, which is made when there is none."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._create(accounts, {"metadata": {"name": account}})
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        token = self._create(f"{accounts}/{account}/token", request).json()["status"]["token"]
        return self._kubeconfig(account, token_user(token), server)

    def grant(self, cluster_role: str, user: str) -> None:
        """Bind a user, or a service account as `system:serviceaccount:NAMESPACE:NAME`, to a cluster role."""
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": f"{cluster_role}-{user}"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": cluster_role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        self._create(f"/apis/{group}/v1/clusterrolebindings", binding)

    def _create(self, path: str, content: Mapping[str, object]) -> Answer:
        answer = self.replicas[0].ask("POST", path, content)
        if answer.status not in {http.client.OK, http.client.CREATED, http.client.CONFLICT}:
            raise TapwatchError(f"POST {path} was answered {answer.status}: {answer.text}")
        return answer

    def _kubeconfig(self, name: str, user: Mapping[str, str], server: str | None) -> Path:
        file = self.folder / f"{name}.kubeconfig"
        return write_kubeconfig(file, server or self.replicas[0].url, self.authority.certificate_pem, name, user)


def _write_pki(pki: Path, authority: Authority) -> Credential:
    """What all API servers read; the administrator, member of a group that may do everything."""
    pki.mkdir(parents=True)
    authority.write(pki, "ca")
    admin = authority.client("admin", ["system:masters"])
    admin.write(pki, "admin")
    write_secret(pki / "service-accounts.key", key_pem(new_key()))
    return admin


def _start_etcd(folder: Path, flags: Sequence[str]) -> tuple[Daemon, str]:
    """Without TLS: it holds nothing but a test's data, and serves on loopback only."""
    url, peer = f"http://127.0.0.1:{free_port()}", "http://127.0.0.1:0"  # a single member listens to no peer
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
    return Daemon("etcd", command, folder / "etcd.log"), url
