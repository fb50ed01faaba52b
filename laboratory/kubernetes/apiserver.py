"""A real Kubernetes API server, one of the replicas of a control plane."""

import http.client
import json
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from laboratory.kubernetes.certificates import Authority, Credential, key_pem, new_key, write_secret
from laboratory.programs.gotools import ensure
from laboratory.servers.daemon import Daemon
from tapwatch.errors import TapwatchError

READY_SECONDS = 90
SERVICES = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
"""The one of the Service `kubernetes`, by which pods ask API servers: always the range's first."""


@dataclass(frozen=True)
class Answer:
    """What an API server answered."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:  # noqa: ANN401 - what an API answers has any shape
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Endpoint:
    """Where an API server answers: one replica, or the address of a balancer before several."""

    name: str
    address: str
    port: int
    trust: ssl.SSLContext = field(repr=False)
    """For requests as the administrator."""

    @property
    def url(self) -> str:
        """Where it serves, with TLS."""
        return f"https://{self.address}:{self.port}"

    def ask(self, method: str, path: str, body: object = None, seconds: float = 10) -> Answer:
        """One request as the administrator, a `body` sent as JSON. Raises OSError when there is no answer in time."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=seconds, context=self.trust)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.name} broke off: {error!r}") from error
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether it says that it is ready."""
        try:
            return self.ask("GET", "/readyz", seconds=2).status == http.client.OK
        except OSError:
            return False


@dataclass(frozen=True)
class Replica(Endpoint):
    """One API server; `name` is its host name, too."""

    daemon: Daemon = field(repr=False)

    def kill(self) -> None:
        """As by kill -9: connections are refused."""
        self.daemon.kill()

    def stop(self, grace_seconds: float = 30) -> None:
        """End it as an operator does; it drains first, for about a second when nobody watches."""
        self.daemon.stop(grace_seconds)

    def pause(self) -> None:
        """It hangs: connections are accepted, nothing answers."""
        self.daemon.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self.daemon.resume()

    def restart(self) -> None:
        """Start it anew at the same address, killed if need be, and wait until it is ready."""
        self.daemon.kill()
        self.daemon.start()
        wait_until_ready([self])


def write_pki(pki: Path, authority: Authority) -> Credential:
    """What all API servers read; the administrator, member of a group that may do everything."""
    pki.mkdir(parents=True)
    authority.write(pki, "ca")
    admin = authority.client("admin", ["system:masters"])
    admin.write(pki, "admin")
    write_secret(pki / "service-accounts.key", key_pem(new_key()))
    return admin


def admin_trust(pki: Path) -> ssl.SSLContext:
    """For requests as the administrator."""
    trust = ssl.create_default_context(cafile=pki / "ca.crt")
    trust.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    return trust


def server_command(address: str, port: int, serving: tuple[Path, Path], pki: Path) -> list[str | Path]:
    """One that serves there with the files of this certificate and key; where its etcd is has to be added."""
    return [
        ensure("kube-apiserver"),
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        "--authorization-mode=RBAC",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={serving[0]}",
        f"--tls-private-key-file={serving[1]}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'service-accounts.key'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        f"--service-cluster-ip-range={SERVICES}",
    ]


def wait_until_ready(replicas: Iterable[Replica], *needed: Daemon) -> None:
    """Return when all are ready. Raises TapwatchError with the end of a log when one is not, or ended."""
    deadline = time.monotonic() + READY_SECONDS
    for replica in replicas:
        while not replica.ready():
            for daemon in (*needed, replica.daemon):
                if not daemon.running:
                    raise TapwatchError(f"{daemon.name} ended at its start: {daemon.log}\n{daemon.log_end()}")
            if time.monotonic() > deadline:
                end = replica.daemon.log_end()
                raise TapwatchError(f"{replica.name} is not ready after {READY_SECONDS} s: {replica.daemon.log}\n{end}")
            time.sleep(0.1)
