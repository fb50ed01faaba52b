"""A whole cluster on this machine: a highly available control plane, three workers in two zones, and names.

What runs are the programs of a cluster on real machines: kubelets, containerd, runc, kube-proxies and CoreDNS. From
this machine, pods are reached at their addresses and Services at the workers' node ports, as from outside a cluster.
"""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from laboratory.cluster.baseimages import base_images
from laboratory.cluster.cgroup import hierarchies
from laboratory.cluster.containerd import import_images
from laboratory.cluster.node import identities
from laboratory.cluster.tuning import DEFAULTS, TUNED
from laboratory.cluster.volumes import manifest
from laboratory.cluster.worker import Worker, prepare
from laboratory.kubernetes.plane import Flags, HighlyAvailable
from laboratory.programs.gotools import CNI_PLUGINS, ensure
from laboratory.programs.nodeprograms import iptables, runc
from laboratory.servers.lan import require_lan
from laboratory.servers.waiting import comes_true
from tapwatch.cache import tell
from tapwatch.errors import TapwatchError

READY_SECONDS: Final = 180
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_DNS: Final = Path(__file__).parent / "dns.yaml"
_KUBELETS: Final = (
    "--authorization-mode=Node",  # beside RBAC
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged",
)
"""What API servers of a cluster with kubelets are told."""
_PROGRAMS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    *CNI_PLUGINS,
)


@dataclass(frozen=True)
class Laboratory:
    """The running cluster."""

    folder: Path
    plane: HighlyAvailable
    workers: tuple[Worker, ...]
    _together: ThreadPoolExecutor = field(repr=False)
    """Does on all workers at once what takes each a while."""

    @classmethod
    @contextmanager
    def start(cls, folder: Path, *, tuned: bool = False) -> Iterator[Self]:
        """Every node ready and names answered; nothing is left after the block. Logs are in `folder`.

        `tuned` clusters notice dead workers within seconds, as `tuning` says. Raises TapwatchError with what is not
        ready and the end of its log. Needs root.
        """
        fetch()
        folder.mkdir(parents=True, exist_ok=True)
        tuning = TUNED if tuned else DEFAULTS
        flags = Flags((*_KUBELETS, *tuning.plane.api_server), tuning.plane.controller_manager)
        with HighlyAvailable.start(folder / "plane", flags) as plane, ExitStack() as running:
            tell("laboratory: the control plane is up; booting workers")
            together = running.enter_context(ThreadPoolExecutor(thread_name_prefix="workers"))
            nodes = identities(plane.lan)
            workers = tuple(prepare(node, plane, folder / node.name, tuning) for node in nodes)
            laboratory = cls(folder, plane, workers, together)
            running.callback(laboratory._each, Worker.power_off)
            laboratory._each(Worker.power_on)
            tell("laboratory: the workers are up; giving them images")
            laboratory.load_image(*base_images())
            laboratory.apply(_DNS)
            laboratory.apply(manifest(nodes))
            tell("laboratory: waiting for nodes to be ready and names to be answered")
            laboratory.settle()
            yield laboratory

    def kubectl(self, *arguments: str | Path, input: str = "") -> str:  # noqa: A002 - as subprocess.run has it
        """What it prints as the administrator. Raises TapwatchError with what it complains of."""
        options: list[str | Path] = ["--kubeconfig", self.plane.kubeconfig, "--cache-dir", self.folder / "kubectl"]
        command = [ensure("kubectl"), *options, *arguments]
        result = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise TapwatchError(f"kubectl {' '.join(map(str, arguments))}: {result.stderr.strip()}")
        return result.stdout

    def load_image(self, *archives: Path) -> None:
        """Give every worker the images of these archives, of OCI's layout or Docker's.

        An image in OCI's layout is named in full, as `docker.io/library/haproxy:2.6`: so do kubelets ask for it.
        """
        self._each(lambda worker: import_images(worker.system, archives))

    def apply(self, manifests: Path | str) -> str:
        """Apply a kustomization's folder, a file, or YAML itself; what kubectl prints of it."""
        command = ("apply", "--server-side", "--force-conflicts")
        if isinstance(manifests, str):
            return self.kubectl(*command, "--filename=-", input=manifests)
        return self.kubectl(*command, "--kustomize" if manifests.is_dir() else "--filename", manifests)

    def wait_for(self, *workloads: str, namespace: str = "default", seconds: float = READY_SECONDS) -> None:
        """Wait until these, as `deployment/web`, are rolled out; all of the namespace when none is named.

        Raises TapwatchError with what kubectl says of the one that is not, and the pods of the namespace.
        """
        kinds = "deployments,statefulsets,daemonsets"
        found = workloads or self.kubectl("get", kinds, "--namespace", namespace, "--output=name").split()
        for workload in found:
            self._roll_out(workload, namespace, seconds)

    def wait_for_kinds(self) -> None:
        """Wait until API servers know every custom kind, so that objects of it can be applied. Raises TapwatchError."""
        definitions = self.kubectl("get", "customresourcedefinitions", "--output=name").split()
        if definitions:
            self.kubectl("wait", "--for=condition=Established", f"--timeout={READY_SECONDS:g}s", *definitions)

    def namespaces(self) -> tuple[str, ...]:
        """Those of users, in which there may be workloads."""
        found = self.kubectl("get", "namespaces", "--output=name").split()
        return tuple(name.removeprefix("namespace/") for name in found if not name.startswith("namespace/kube-"))

    def node_ports(self) -> tuple[str, ...]:
        """Where Services answer on every worker, as `default/web port 80: http://198.18.0.21:30080`."""
        services = self.plane.entrance.ask("GET", "/api/v1/services").json()["items"]
        return tuple(
            f"{service['metadata']['namespace']}/{service['metadata']['name']} port {port['port']}: "
            f"http://{self.workers[0].address}:{port['nodePort']}"
            for service in services
            for port in service["spec"].get("ports", ())
            if "nodePort" in port
        )

    def ready_nodes(self) -> set[str]:
        """The names of those whose kubelets say so, and were heard of lately."""
        nodes = self.plane.entrance.ask("GET", "/api/v1/nodes").json()["items"]
        return {node["metadata"]["name"] for node in nodes if _is_ready(node)}

    def settle(self, since: datetime = _EVER) -> None:
        """Wait until all nodes, heard of after `since`, are ready, and names are answered. Raises TapwatchError."""
        names = {worker.name for worker in self.workers}
        if not comes_true(lambda: self.ready_nodes() & self._heard_of(since) == names, READY_SECONDS):
            logs = [f"{one.kubelet.name}:\n{one.kubelet.log_end(5)}" for one in self.workers if one.is_on]
            silent = ", ".join(sorted(names - self.ready_nodes()))
            raise TapwatchError("\n".join([f"after {READY_SECONDS} s these nodes are not ready: {silent}", *logs]))
        self.wait_for("deployment/coredns", namespace="kube-system")

    def mend(self) -> None:
        """Undo whatever was done to any part, and wait until all is well again."""
        self.plane.mend()
        self._each(Worker.mend)
        self.settle(datetime.now(UTC))

    def _heard_of(self, since: datetime) -> set[str]:
        """The names of nodes whose kubelets renewed their leases after this."""
        answer = self.plane.entrance.ask("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        times = {one["metadata"]["name"]: one["spec"]["renewTime"] for one in answer.json()["items"]}
        return {name for name, time in times.items() if datetime.fromisoformat(time) > since}

    def _roll_out(self, workload: str, namespace: str, seconds: float) -> None:
        try:
            self.kubectl("rollout", "status", workload, "--namespace", namespace, f"--timeout={seconds:g}s")
        except TapwatchError as error:
            pods = self.kubectl("get", "pods", "--namespace", namespace, "--output=wide")
            raise TapwatchError(f"{error}\n{pods}") from error

    def _each(self, act: Callable[[Worker], None]) -> None:
        for _ in self._together.map(act, self.workers):
            pass


def fetch() -> None:
    """Build and fetch what is not in the cache yet, with progress. Raises TapwatchError with what the machine lacks."""
    require_lan()
    hierarchies()
    for program in _PROGRAMS:
        ensure(program)
    runc()
    iptables()
    base_images()


def _is_ready(node: Any) -> bool:  # noqa: ANN401 - JSON
    conditions = node.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
