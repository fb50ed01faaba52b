"""The members of an etcd cluster, each on a machine of its own, with TLS as kubeadm sets it up."""

import http.client
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from laboratory.kubernetes.certificates import Authority
from laboratory.programs.gotools import ensure
from laboratory.servers.daemon import Daemon
from laboratory.servers.lan import Machine
from tapwatch.errors import TapwatchError

AUTHORITY, CLIENT = "etcd-ca", "etcd-client"
"""The names of their authority's certificate and of the API servers' own, in the folder `pki`."""

CLIENT_PORT = 2379


def write_etcd_pki(pki: Path, machines: Iterable[Machine]) -> None:
    """The certificates of all members and of their clients; clients without one are refused."""
    authority = Authority.create("tapwatch-tests-etcd")
    authority.write(pki, AUTHORITY)
    authority.client("kube-apiserver-etcd-client").write(pki, CLIENT)
    for machine in machines:
        authority.peer(machine.name, [machine.name, machine.address, "127.0.0.1"]).write(pki, f"etcd-{machine.name}")


def start_member(machine: Machine, all_machines: Iterable[Machine], folder: Path, pki: Path) -> Daemon:
    """The member on this machine; its own API server asks it at 127.0.0.1. Metrics without TLS are at port 2381."""
    client_url = f"https://{machine.address}:{CLIENT_PORT}"
    certificate, key = pki / f"etcd-{machine.name}.crt", pki / f"etcd-{machine.name}.key"
    _state_file(folder).write_text("new")
    command: list[str | Path] = [
        *("sh", "-c", 'exec "$@" --initial-cluster-state="$(cat "$0")"', _state_file(folder)),
        ensure("etcd"),
        f"--name={machine.name}",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client_url},https://127.0.0.1:{CLIENT_PORT}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={_peer_url(machine)}",
        f"--initial-advertise-peer-urls={_peer_url(machine)}",
        f"--initial-cluster={','.join(f'{one.name}={_peer_url(one)}' for one in all_machines)}",
        f"--listen-metrics-urls=http://{machine.address}:2381",
        f"--cert-file={certificate}",
        f"--key-file={key}",
        f"--trusted-ca-file={pki / f'{AUTHORITY}.crt'}",
        "--client-cert-auth",
        f"--peer-cert-file={certificate}",
        f"--peer-key-file={key}",
        f"--peer-trusted-ca-file={pki / f'{AUTHORITY}.crt'}",
        "--peer-client-cert-auth",
        "--unsafe-no-fsync",  # nobody needs the data after a power failure
        "--log-level=warn",
    ]
    return machine.start("etcd", command, folder / "etcd.log")


def lose_data(member: Daemon, folder: Path) -> None:
    """The member ends, and what it knew is gone, as with its disk."""
    member.kill()
    shutil.rmtree(folder / "etcd")


def readmit(member: Daemon, machine: Machine, folder: Path, another: http.client.HTTPSConnection) -> None:
    """A member without its data joins again as a new one, through `another` that lives; raises TapwatchError.

    etcd's documentation, "Runtime reconfiguration": the old member is removed before the new one is added.
    """
    members = _call(another, "list", {})["members"]
    gone = next(one["ID"] for one in members if _peer_url(machine) in one["peerURLs"])
    _call(another, "remove", {"ID": gone})
    _call(another, "add", {"peerURLs": [_peer_url(machine)]})
    _state_file(folder).write_text("existing")
    member.start()


def _call(connection: http.client.HTTPSConnection, what: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
    connection.request("POST", f"/v3/cluster/member/{what}", json.dumps(body))
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.OK:
        raise TapwatchError(f"etcd refuses to {what} a member: {text.decode()}")
    return json.loads(text)


def _state_file(folder: Path) -> Path:
    return folder / "etcd-cluster-state"


def _peer_url(machine: Machine) -> str:
    return f"https://{machine.address}:2380"
