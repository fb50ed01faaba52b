"""A worker as Kubernetes knows it, a node: who it is, and what its kubelet and its kube-proxy are told."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import yaml

from laboratory.cluster.containerd import SOCKET
from laboratory.kubernetes.kubeconfig import certificate_user, write_kubeconfig
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.servers.lan import Lan

ZONES: Final = {"worker-1": "zone-a", "worker-2": "zone-a", "worker-3": "zone-b"}
DOMAIN: Final = "cluster.local"
DNS_ADDRESS: Final = "10.96.0.10"
_FIRST_NUMBER: Final = 21
_POD_BITS: Final = 26
_MOST_PODS: Final = 60
"""A worker's pods have 62 addresses, one of them the bridge's, so that four workers' fit into a network of 256."""


@dataclass(frozen=True)
class Identity:
    """Who a worker is and where: the same after each boot."""

    name: str
    zone: str
    number: int
    """The last one of its address."""
    address: str
    pods: str
    """The network of its pods, as `198.19.0.0/26`: of the range that RFC 2544 keeps for tests."""


def identities(lan: Lan) -> tuple[Identity, ...]:
    """Of all workers on this network."""
    ranges = ipaddress.ip_network(pods_of_all(lan)).subnets(new_prefix=_POD_BITS)
    return tuple(
        Identity(name, zone, number, f"{lan.network}.{number}", str(pods))
        for number, ((name, zone), pods) in enumerate(zip(ZONES.items(), ranges, strict=False), _FIRST_NUMBER)
    )


def pods_of_all(lan: Lan) -> str:
    """The network of all workers' pods."""
    return f"198.19.{lan.network.rsplit('.', 1)[1]}.0/24"


def write_node_settings(node: Identity, plane: HighlyAvailable, folder: Path, kubelet: Mapping[str, object]) -> None:
    """The files that `kubelet_flags` and `kube_proxy_flags` name; the fields of `kubelet` beside those of every one."""
    pki, authority = plane.folder / "pki", plane.authority
    authority.server(node.name, [node.name, node.address]).write(folder, "serving")
    for program, user, groups in (
        ("kubelet", f"system:node:{node.name}", ["system:nodes"]),
        ("kube-proxy", "system:kube-proxy", []),
    ):
        credential = certificate_user(authority.client(user, groups))
        file = folder / f"{program}.kubeconfig"
        write_kubeconfig(file, plane.entrance.url, authority.certificate_pem, user, credential)
    (folder / "resolv.conf").touch()  # there are no names but the cluster's own
    (folder / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet_settings(pki, folder) | dict(kubelet)))
    (folder / "kube-proxy.yaml").write_text(yaml.safe_dump(_kube_proxy_settings(node, plane.lan, folder)))


def kubelet_flags(node: Identity, folder: Path) -> list[str]:
    """What a kubelet is told beside its settings."""
    return [
        f"--config={folder / 'kubelet.yaml'}",
        f"--kubeconfig={folder / 'kubelet.kubeconfig'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        f"--node-labels={','.join(f'{name}={value}' for name, value in _labels(node).items())}",
    ]


def kube_proxy_flags(folder: Path) -> list[str]:
    """What a kube-proxy is told."""
    return [f"--config={folder / 'kube-proxy.yaml'}"]


def node_object(node: Identity) -> dict[str, object]:
    """As a cloud's controller registers it, with the network of its pods; the kubelet adds the rest."""
    return {
        "metadata": {"name": node.name, "labels": _labels(node)},
        "spec": {"podCIDR": node.pods, "podCIDRs": [node.pods]},
    }


def _labels(node: Identity) -> dict[str, str]:
    return {"topology.kubernetes.io/region": "laboratory", "topology.kubernetes.io/zone": node.zone}


def _kubelet_settings(pki: Path, folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(folder / "serving.crt"),
        "tlsPrivateKeyFile": str(folder / "serving.key"),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": DOMAIN,
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": str(folder / "resolv.conf"),
        "volumePluginDir": "/var/lib/kubelet/plugins",  # else it makes a folder in /usr
        "maxPods": _MOST_PODS,
        # Workers share this machine: together they offer its memory once, and evict nothing because its disk is full.
        "systemReserved": {"memory": str(psutil.virtual_memory().total * (len(ZONES) - 1) // len(ZONES))},
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,  # an image that is gone cannot be pulled again
    }


def _kube_proxy_settings(node: Identity, lan: Lan, folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": pods_of_all(lan),
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(folder / "kube-proxy.kubeconfig")},
        # Connections are counted for the whole machine: its settings stay as they are.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
