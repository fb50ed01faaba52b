"""What is broken, how it is seen from outside that the cluster has noticed, and how it is mended."""

import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from laboratory.cluster.installation import NAMESPACE
from laboratory.cluster.worker import Worker
from laboratory.experiments.stack import Pod, Stack
from laboratory.kubernetes.master import Master

Condition = Callable[[], bool]
"""May raise OSError while nothing answers, which counts as not yet."""

MOVABLE: Final = frozenset({"router", "dispenser-exporter", "cluster-exporter", "dingtalk"})
"""Parts whose replicas may start on any worker; the others are StatefulSets, or have a volume, and wait for theirs."""
PARTS: Final = (*sorted(MOVABLE), "alertmanager", "prometheus", "postgresql")
_POD_METADATA: Final = {"spec": {"podMetadata": {"annotations": {"rolled-out": "again"}}}}
_ROLLED: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "prometheus": ("prometheus/tapwatch", _POD_METADATA),
    "alertmanager": ("alertmanager/tapwatch", _POD_METADATA),
    "postgresql": (
        "cluster.postgresql.cnpg.io/postgresql",
        {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "again"}}},
    ),
}
"""What an operator rolls out: its own resource, and the change by which it does."""


@dataclass(frozen=True)
class Goals:
    """What users may expect of it; seconds from when it happened, None where nothing is promised."""

    api: float | None = None
    """Until requests to the API server's address are right again."""
    probes: float | None = None
    """Until requests to exporters through the routers are."""
    redundant: float | None = None
    """Until as many replicas serve as before."""
    missed: int | None = None
    """Scrapes."""
    lost: int | None = 0
    """Alerts."""
    late: float | None = None
    """By how many seconds the slowest alert may come later than the usual one."""


SERVICE: Final = Goals(redundant=30.0, missed=0)
ROLLOUT: Final = Goals(missed=0)
WORKER: Final = Goals(probes=10.0, redundant=60.0)
MASTER: Final = Goals(api=5.0, missed=0, late=15.0)
REBOOT: Final = Goals(lost=None)
"""Everything is away: what begins and ends meanwhile nobody can tell."""


@dataclass(frozen=True)
class Experiment:
    """One thing that happens."""

    name: str
    act: Callable[[Stack], Condition]
    """Does it, and returns what tells that the cluster has noticed."""
    goals: Goals
    undo: Callable[[Stack], None] = lambda _: None
    """What people do about it, after which all must be as before."""
    parts: frozenset[str] = frozenset(PARTS)
    """Whose redundancy must be back without that."""
    short: bool = False
    """Whether it is one of the few that stand for their kind."""


def _kill_process(part: str) -> Callable[[Stack], Condition]:
    def act(stack: Stack) -> Condition:
        pod = _first(stack, part)
        stack.kill_process(pod)
        return lambda: _restarted_or_unready(stack, pod)

    return act


def _delete_pod(part: str) -> Callable[[Stack], Condition]:
    def act(stack: Stack) -> Condition:
        pod = _first(stack, part)
        stack.laboratory.kubectl("delete", "pod", pod.name, "--namespace", NAMESPACE, "--wait=false")
        return lambda: pod.uid not in {one.uid for one in stack.ready(part)}

    return act


def _roll_out(part: str) -> Callable[[Stack], Condition]:
    def act(stack: Stack) -> Condition:
        before = {one.uid for one in stack.pods(part)}
        if part in _ROLLED:
            resource, change = _ROLLED[part]
            options = ("--type=merge", "--patch", json.dumps(change))
            stack.laboratory.kubectl("patch", resource, "--namespace", NAMESPACE, *options)
        else:
            stack.laboratory.kubectl("rollout", "restart", f"deployment/{part}", "--namespace", NAMESPACE)
        return lambda: not before & {one.uid for one in stack.ready(part)}

    return act


def _power_off_worker(stack: Stack) -> Condition:
    worker = _victim(stack)
    worker.power_off()
    return lambda: worker.name not in stack.laboratory.ready_nodes()


def _cut_worker(stack: Stack) -> Condition:
    worker = _victim(stack)
    worker.cut()
    return lambda: worker.name not in stack.laboratory.ready_nodes()


def _kill_master(stack: Stack) -> Condition:
    return _break_master(stack, Master.power_off)


def _hang_master(stack: Stack) -> Condition:
    return _break_master(stack, Master.hang)


def _lose_etcd_data(stack: Stack) -> Condition:
    return _break_master(stack, Master.lose_etcd_data)


def _break_master(stack: Stack, how: Callable[[Master], None]) -> Condition:
    """The one that leads, as it is missed most; noticed when the cluster exporter shows it."""
    master = stack.laboratory.plane.leader("kube-controller-manager")
    exporters = [one.address for one in stack.ready("cluster-exporter")]
    how(master)
    down = f'endpoint="{master.api.url}"'
    return lambda: any(_shows_down(address, down) for address in exporters)


def _readmit_etcd(stack: Stack) -> None:
    plane = stack.laboratory.plane
    lost = next(master for master in plane.masters if not master.etcd.running)
    plane.readmit_etcd(lost)
    _mend(stack)


def _reboot(stack: Stack) -> Condition:
    """Noticed when nothing that ran before counts as ready: until kubelets are back, the cluster believes it is."""
    laboratory, before = stack.laboratory, {(one.uid, one.restarts) for one in stack.pods()}
    for worker in laboratory.workers:
        worker.power_off()
    for master in laboratory.plane.masters:
        master.power_off()
    laboratory.plane.mend()
    for worker in laboratory.workers:
        worker.power_on()
    return lambda: not before & {(one.uid, one.restarts) for one in stack.ready()}


def _mend(stack: Stack) -> None:
    stack.laboratory.mend()


def _first(stack: Stack, part: str) -> Pod:
    return min(stack.ready(part), key=lambda one: one.name)


def _victim(stack: Stack) -> Worker:
    """The worker with PostgreSQL's primary, or else the most pods; but not the one by which the probe comes in."""
    pods = [pod for pod in stack.pods() if pod.node not in {"", stack.door.name}]
    most = Counter(pod.node for pod in pods).most_common(1)[0][0]
    return stack.worker(next((pod.node for pod in pods if pod.primary), most))


def _restarted_or_unready(stack: Stack, pod: Pod) -> bool:
    now = {one.uid: one for one in stack.pods(pod.part)}
    found = now.get(pod.uid)
    return found is None or not found.ready or found.restarts > pod.restarts


def _shows_down(address: str, endpoint: str) -> bool:
    with urllib.request.urlopen(f"http://{address}:9803/metrics", timeout=2) as answer:
        lines = answer.read().decode().splitlines()
    shown = [one for one in lines if one.startswith("controlplane_endpoint_up{") and endpoint in one]
    return any(float(one.rpartition(" ")[2]) == 0 for one in shown)


EXPERIMENTS: Final[Sequence[Experiment]] = (
    *(Experiment(f"process of {part} killed", _kill_process(part), SERVICE, short=part == "router") for part in PARTS),
    *(
        Experiment(f"pod of {part} deleted", _delete_pod(part), SERVICE, short=part == "dispenser-exporter")
        for part in PARTS
    ),
    *(Experiment(f"{part} rolled out anew", _roll_out(part), ROLLOUT) for part in PARTS),
    Experiment("worker without power", _power_off_worker, WORKER, _mend, MOVABLE, short=True),
    Experiment("worker cut off", _cut_worker, WORKER, _mend, MOVABLE),
    Experiment("master without power", _kill_master, MASTER, _mend, short=True),
    Experiment("master hung", _hang_master, MASTER, _mend),
    Experiment("etcd member's data lost", _lose_etcd_data, MASTER, _readmit_etcd),
    Experiment("whole cluster rebooted", _reboot, REBOOT),
)
