"""One master: an etcd member, an API server that asks it, a controller manager and a scheduler that ask that server."""

import http.client
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from laboratory.kubernetes.apiserver import Replica, admin_trust, server_command
from laboratory.kubernetes.certificates import YEAR, Authority
from laboratory.kubernetes.etcd import AUTHORITY, CLIENT, CLIENT_PORT, lose_data, readmit
from laboratory.kubernetes.kubeconfig import certificate_user, write_kubeconfig
from laboratory.programs.gotools import ensure
from laboratory.servers.daemon import KEPT, Daemon
from laboratory.servers.lan import Machine
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

PORT = 6443
SERVING = "serving"
"""The name of an API server's certificate in its master's folder."""
KUBELET_CLIENT = "kubelet-client"
"""The name of the certificate by which kubelets know API servers, in the folder `pki`."""
RELOAD_SECONDS = 120
"""An API server notices another certificate at once, or, should the notice be lost, within a minute."""


@dataclass(frozen=True)
class Master:
    """Its machine and its servers; everything it needs is in its folder, and in the `pki` of all."""

    machine: Machine
    zone: str
    folder: Path
    authority: Authority = field(repr=False)
    hosts: Sequence[str]
    """The names and addresses that its serving certificate is for."""
    etcd: Daemon = field(repr=False)
    api: Replica
    controller_manager: Daemon = field(repr=False)
    scheduler: Daemon = field(repr=False)

    @property
    def name(self) -> str:
        """The machine's."""
        return self.machine.name

    @property
    def etcd_url(self) -> str:
        """Where its etcd member serves those with a certificate."""
        return f"https://{self.machine.address}:{CLIENT_PORT}"

    @property
    def daemons(self) -> tuple[Daemon, ...]:
        """All servers."""
        return self.etcd, self.api.daemon, self.controller_manager, self.scheduler

    def power_off(self) -> None:
        """As by pulling the plug: nobody is told, nothing is refused."""
        self.machine.cut()
        for daemon in self.daemons:
            daemon.kill()

    def hang(self) -> None:
        """Every server stops: connections are accepted, nothing answers."""
        for daemon in self.daemons:
            daemon.pause()

    def cut(self) -> None:
        """It goes on alone: the network reaches it no more."""
        self.machine.cut()

    def lose_etcd_data(self) -> None:
        """Its etcd member ends, and the member's data is gone."""
        lose_data(self.etcd, self.folder)

    def readmit_etcd(self, another: http.client.HTTPSConnection) -> None:
        """The member without data joins the others again, told through one of them. Raises TapwatchError."""
        readmit(self.etcd, self.machine, self.folder, another)

    def mend(self) -> None:
        """Undo whatever was done to it; its servers run, but need not be ready yet."""
        self.machine.heal()
        for daemon in self.daemons:
            daemon.resume()
            daemon.start()
        pem = (self.folder / f"{SERVING}.crt").read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        if certificate.not_valid_after_utc - certificate.not_valid_before_utc < YEAR:
            self.certify()

    def certify(self, lifetime: timedelta = YEAR) -> None:
        """Let the API server show a new certificate, and wait until it does; a negative lifetime has expired."""
        certificate, _ = write_serving(self.folder, self.name, self.hosts, self.authority, lifetime)
        wanted, server = certificate.read_text(), (self.api.address, self.api.port)
        if not comes_true(lambda: ssl.get_server_certificate(server, timeout=1) == wanted, RELOAD_SECONDS):
            raise TapwatchError(f"{self.name} does not show its new certificate:\n{self.api.daemon.log_end()}")


def write_serving(
    folder: Path, name: str, hosts: Sequence[str], authority: Authority, lifetime: timedelta = YEAR
) -> tuple[Path, Path]:
    """The files of an API server's certificate and key."""
    return authority.server(name, hosts, lifetime).write(folder, SERVING)


def start_api_server(
    machine: Machine, serving: tuple[Path, Path], folder: Path, pki: Path, flags: Sequence[str] = ()
) -> Replica:
    """It asks its own machine's etcd only, so that it fails with it and with nothing else."""
    command = [
        *server_command(machine.address, PORT, serving, pki),
        "--etcd-servers=https://127.0.0.1:2379",
        f"--etcd-cafile={pki / f'{AUTHORITY}.crt'}",
        f"--etcd-certfile={pki / f'{CLIENT}.crt'}",
        f"--etcd-keyfile={pki / f'{CLIENT}.key'}",
        f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
        f"--kubelet-client-certificate={pki / f'{KUBELET_CLIENT}.crt'}",
        f"--kubelet-client-key={pki / f'{KUBELET_CLIENT}.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-aggregator-routing=true",  # there is no kube-proxy to reach a Service's address through
        *flags,
    ]
    daemon = machine.start("kube-apiserver", command, folder / "kube-apiserver.log")
    return Replica(machine.name, machine.address, PORT, admin_trust(pki), daemon)


def start_controller_manager(
    machine: Machine, authority: Authority, folder: Path, pki: Path, flags: Sequence[str] = ()
) -> Daemon:
    """With every controller, and rights of its own for each."""
    more = [
        "--use-service-account-credentials",
        f"--service-account-private-key-file={pki / 'service-accounts.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        f"--flex-volume-plugin-dir={folder / 'volume-plugins'}",  # else it makes a folder in /usr
        *flags,
    ]
    return _start_controllers("kube-controller-manager", machine, authority, folder, more)


def start_scheduler(machine: Machine, authority: Authority, folder: Path) -> Daemon:
    """The usual scheduler."""
    return _start_controllers("kube-scheduler", machine, authority, folder, [])


def _start_controllers(
    program: str, machine: Machine, authority: Authority, folder: Path, more: Sequence[str]
) -> Daemon:
    """Leader election is on. It is kept running, as it ends by itself when it loses its lease or its API server."""
    user, server = f"system:{program}", f"https://{machine.address}:{PORT}"
    credential = certificate_user(authority.client(user))
    kubeconfig = write_kubeconfig(folder / f"{program}.kubeconfig", server, authority.certificate_pem, user, credential)
    files = [f"--{purpose}kubeconfig={kubeconfig}" for purpose in ("", "authentication-", "authorization-")]
    return machine.start(program, [*KEPT, ensure(program), *files, *more], folder / f"{program}.log")
