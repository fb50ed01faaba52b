"""The cluster runs pods on real workers, answers for them, replaces those of workers that fail, and leaves nothing."""

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from images.ociarchive import Process, write_programs
from laboratory.cluster.baseimages import COREDNS
from laboratory.cluster.cgroup import remove_left_behind
from laboratory.cluster.containerd import PAUSE, image_names
from laboratory.cluster.laboratory import Laboratory
from laboratory.cluster.node import ZONES
from laboratory.cluster.worker import Worker
from laboratory.programs.nodeprograms import busybox
from laboratory.servers.waiting import comes_true
from tapwatch.errors import TapwatchError

pytestmark = [pytest.mark.timeout(600), pytest.mark.compiled, pytest.mark.root]

WEB = "docker.io/library/tapwatch-tests-web:1"
NODE_PORT = 30080
REPLICAS = 3
MANIFEST = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {REPLICAS}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {{matchLabels: {{app: web}}}}
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {{matchLabels: {{app: web}}}}
      containers:
        - name: web
          image: {WEB}
          readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
          volumeMounts: [{{name: pages, mountPath: /pages}}]
      volumes: [{{name: pages, emptyDir: {{}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: NodePort
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080, nodePort: {NODE_PORT}}}]
"""
KEEPSAKE = f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: keepsake}}
spec:
  serviceName: keepsake
  selector: {{matchLabels: {{app: keepsake}}}}
  template:
    metadata: {{labels: {{app: keepsake}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: keepsake
          image: {WEB}
          volumeMounts: [{{name: kept, mountPath: /kept}}, {{name: pages, mountPath: /pages}}]
      volumes: [{{name: pages, emptyDir: {{}}}}]
  volumeClaimTemplates:
    - metadata: {{name: kept}}
      spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"""
ASK_BY_NAME = r"""
address=$(nslookup web.default.svc.cluster.local | sed -n '/^Name:/,$ s/^Address: //p')
printf 'GET / HTTP/1.0\r\n\r\n' | nc "$address" 80
"""
OWNER = """
import signal, sys
from pathlib import Path
from laboratory.cluster.laboratory import Laboratory
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
with Laboratory.start(Path(sys.argv[1])) as laboratory:
    laboratory.workers[0].pause()
    print(laboratory.plane.lan.cable, flush=True)
    signal.pause()
"""
MADE_BY_NODES = (
    "/etc/kubernetes",
    "/opt/containerd",
    "/run/containerd",
    "/usr/libexec/kubernetes",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
"""Folders that kubelet and containerd make where nobody stops them."""
CHANGED_BY_NODES = ("kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward", "vm/overcommit_memory")
"""Settings of the kernel that kubelet and kube-proxy change where nobody stops them."""


@pytest.fixture(scope="module")
def shared_laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    folder = tmp_path_factory.mktemp("laboratory")
    serve = "hostname > /pages/index.html; exec httpd -f -p 8080 -h /pages"
    applets = {f"/bin/{name}": "busybox" for name in ("sh", "hostname", "cat", "httpd", "nc", "nslookup", "sed")}
    write_programs(
        folder / "web.tar", WEB, {"/bin/busybox": busybox()}, Process(("/bin/sh", "-c", serve), "0:0"), applets
    )
    with Laboratory.start(folder / "cluster", tuned=True) as laboratory:
        laboratory.load_image(folder / "web.tar")
        laboratory.apply(MANIFEST)
        laboratory.wait_for("deployment/web")
        yield laboratory


@pytest.fixture
def laboratory(shared_laboratory: Laboratory) -> Iterator[Laboratory]:
    """Whole at the start and made whole again at the end."""
    yield shared_laboratory
    shared_laboratory.mend()


def test_pods_are_spread_over_workers_and_zones(laboratory: Laboratory) -> None:
    assert sorted(nodes_of_pods(laboratory)) == [worker.name for worker in laboratory.workers]
    assert zones(laboratory) == ZONES
    assert set(ZONES.values()) == {"zone-a", "zone-b"}


def test_every_worker_has_the_images_that_were_loaded(laboratory: Laboratory) -> None:
    for worker in laboratory.workers:
        assert set(image_names(worker.system)) == {COREDNS, PAUSE, WEB}


def test_a_service_answers_on_every_worker(laboratory: Laboratory) -> None:
    for worker in laboratory.workers:
        assert comes_true(lambda worker=worker: asked(worker.address, NODE_PORT) in pods(laboratory))  # type: ignore[misc]


def test_every_pod_answers_at_its_own_address(laboratory: Laboratory) -> None:
    for pod, address in pods(laboratory).items():
        assert asked(address, 8080) == pod


def test_every_pod_reaches_the_service_by_its_name(laboratory: Laboratory) -> None:
    for pod in pods(laboratory):
        answer = laboratory.kubectl("exec", pod, "--", "sh", "-c", ASK_BY_NAME)
        assert answer.split()[-1] in pods(laboratory)


def test_every_pod_reaches_the_api_servers(laboratory: Laboratory) -> None:
    for pod in pods(laboratory):
        laboratory.kubectl("exec", pod, "--", "sh", "-c", "nc -w 5 $KUBERNETES_SERVICE_HOST 443 < /dev/null")


def test_api_servers_reach_pods(laboratory: Laboratory) -> None:
    for master in laboratory.plane.masters:
        for pod in pods(laboratory):
            assert master.api.ask("GET", f"/api/v1/namespaces/default/pods/{pod}:8080/proxy/").text.strip() == pod


def test_api_servers_reach_kubelets_by_certificates_they_verify(laboratory: Laboratory) -> None:
    for worker in laboratory.workers:
        answer = laboratory.plane.masters[0].api.ask("GET", f"/api/v1/nodes/{worker.name}/proxy/healthz")
        assert answer.text == "ok"


def test_a_kubelet_may_not_touch_another_node(laboratory: Laboratory) -> None:
    one, other, _ = laboratory.workers
    own = one.folder / "kubelet.kubeconfig"
    with pytest.raises(TapwatchError, match=f"cannot read '{other.name}', only its own Node object"):
        laboratory.kubectl("--kubeconfig", own, "label", "node", other.name, "mine=yes")


def test_what_is_not_rolled_out_is_told_with_its_pods(laboratory: Laboratory) -> None:
    laboratory.kubectl("create", "deployment", "lost", "--image=nowhere.example/lost:1")
    try:
        with pytest.raises(TapwatchError, match=r"(?s)rollout status deployment/lost.*lost-\w+-\w+ +0/1"):
            laboratory.wait_for("deployment/lost", seconds=1)
    finally:
        laboratory.kubectl("delete", "deployment", "lost")


def test_a_kubelet_is_started_again_when_it_ends(laboratory: Laboratory) -> None:
    worker = laboratory.workers[0]
    first = kubelet_process(worker)
    assert first is not None
    first.kill()
    assert comes_true(lambda: kubelet_process(worker) not in {None, first})


def test_a_worker_without_power_is_noticed_its_pods_are_replaced_and_it_comes_back(laboratory: Laboratory) -> None:
    dark = laboratory.workers[2]
    dark.power_off()
    assert_its_pods_are_replaced(laboratory, dark)
    with pytest.raises(OSError, match=r"timed out|No route to host"):
        asked(dark.address, NODE_PORT)
    dark.power_on()
    assert comes_true(lambda: dark.name in laboratory.ready_nodes(), 120)
    assert comes_true(lambda: asked(dark.address, NODE_PORT) in pods(laboratory))


def test_a_power_failure_of_the_whole_cluster_loses_nothing(laboratory: Laboratory) -> None:
    laboratory.apply(KEEPSAKE)
    laboratory.wait_for("statefulset/keepsake")
    laboratory.kubectl("exec", "keepsake-0", "--", "sh", "-c", "echo kept > /kept/note")
    for worker in laboratory.workers:
        worker.power_off()
    for master in laboratory.plane.masters:
        master.power_off()
    laboratory.mend()
    laboratory.wait_for("deployment/web", "statefulset/keepsake")
    assert comes_true(lambda: kept(laboratory) == "kept", 120)
    laboratory.kubectl("delete", "statefulset/keepsake")
    for worker in laboratory.workers:
        assert comes_true(lambda worker=worker: asked(worker.address, NODE_PORT) in pods(laboratory))  # type: ignore[misc]


def test_a_worker_that_is_cut_off_is_noticed_its_pods_are_replaced_and_it_comes_back(laboratory: Laboratory) -> None:
    alone = laboratory.workers[0]
    alone.cut()
    assert_its_pods_are_replaced(laboratory, alone)
    assert alone.kubelet.running
    alone.heal()
    assert comes_true(lambda: alone.name in laboratory.ready_nodes(), 120)
    assert comes_true(lambda: asked(alone.address, NODE_PORT) in pods(laboratory))


def test_a_worker_that_cannot_boot_leaves_nothing_and_can_be_tried_again(laboratory: Laboratory) -> None:
    worker = laboratory.workers[2]
    worker.power_off()
    logs = worker.folder / "disk" / "log"
    logs.rename(logs.with_name("kept"))
    logs.touch()
    try:
        with pytest.raises(FileExistsError):
            worker.power_on()
    finally:
        logs.unlink()
        logs.with_name("kept").rename(logs)
    assert f"{laboratory.plane.lan.cable}-{worker.name}" not in groups(laboratory.plane.lan.cable)
    worker.power_on()
    assert comes_true(lambda: worker.name in laboratory.ready_nodes(), 120)


def test_a_worker_that_hangs_is_noticed_and_goes_on(laboratory: Laboratory) -> None:
    hung = laboratory.workers[1]
    hung.pause()
    assert comes_true(lambda: hung.name not in laboratory.ready_nodes(), 120)
    hung.resume()
    assert comes_true(lambda: hung.name in laboratory.ready_nodes(), 120)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_the_owner_ends(tmp_path: Path, end: signal.Signals) -> None:
    before = machine()
    command: list[str | Path] = [sys.executable, "-c", OWNER, tmp_path / "cluster"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        cable = owner.stdout.readline().strip()
        processes = psutil.Process(owner.pid).children(recursive=True)
        assert {"kubelet", "containerd", "coredns"} <= {process.name() for process in processes}
        frozen = frozen_processes(cable)
        assert len(groups(cable)) == len(ZONES)
        owner.send_signal(end)
    assert comes_true(lambda: not any(process.is_running() for process in processes if process.pid not in frozen))
    assert comes_true(lambda: cable not in {name for _, name in socket.if_nameindex()})
    if end == signal.SIGKILL:  # groups are directories, which the kernel keeps, and what is frozen does not die
        assert set(remove_left_behind()) >= {f"{cable}-{name}" for name in ZONES}
    assert comes_true(lambda: not any(process.is_running() for process in processes))
    assert groups(cable) == set()
    assert machine() == before


def test_groups_of_a_running_laboratory_are_left_alone(laboratory: Laboratory) -> None:
    cable = laboratory.plane.lan.cable
    assert not any(name.startswith(f"{cable}-") for name in remove_left_behind())
    assert len(groups(cable)) == len(ZONES)


def assert_its_pods_are_replaced(laboratory: Laboratory, failed: Worker) -> None:
    assert comes_true(lambda: failed.name not in laboratory.ready_nodes(), 120)
    others = {worker.name for worker in laboratory.workers} - {failed.name}
    assert comes_true(lambda: replaced(laboratory, others), 120)


def replaced(laboratory: Laboratory, others: set[str]) -> bool:
    nodes = nodes_of_pods(laboratory)
    return len(nodes) == REPLICAS and set(nodes) == others


def running_pods(laboratory: Laboratory) -> list[Any]:
    """Those that are ready and wanted."""
    found = laboratory.plane.entrance.ask("GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb").json()
    return [pod for pod in found["items"] if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]


def pods(laboratory: Laboratory) -> dict[str, str]:
    """The addresses of those that are ready, by name."""
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in running_pods(laboratory)}


def nodes_of_pods(laboratory: Laboratory) -> list[str]:
    return [pod["spec"]["nodeName"] for pod in running_pods(laboratory)]


def is_ready(pod: Any) -> bool:  # noqa: ANN401 - JSON
    conditions = pod["status"].get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def zones(laboratory: Laboratory) -> dict[str, str]:
    nodes = laboratory.plane.entrance.ask("GET", "/api/v1/nodes").json()["items"]
    return {node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes}


def asked(address: str, port: int) -> str:
    """What a web server answers there: in this file, the name of its pod."""
    with closing(http.client.HTTPConnection(address, port, timeout=2)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()


def kept(laboratory: Laboratory) -> str:
    """What the volume holds; nothing while its pod does not run."""
    try:
        return laboratory.kubectl("exec", "keepsake-0", "--", "sh", "-c", "cat /kept/note").strip()
    except TapwatchError:
        return ""


def kubelet_process(worker: Worker) -> psutil.Process | None:
    """The one below its keeper."""
    below = psutil.Process(worker.kubelet.pid).children(recursive=True)
    return next((process for process in below if process.name() == "kubelet"), None)


def groups(cable: str) -> set[str]:
    """The control groups of a network's workers."""
    return {folder.name for folder in Path("/sys/fs/cgroup").glob(f"*/{cable}-*")}


def frozen_processes(cable: str) -> set[int]:
    """Those of the first worker."""
    files = Path("/sys/fs/cgroup/freezer", f"{cable}-worker-1").rglob("cgroup.procs")
    return {int(line) for file in files for line in file.read_text().split()}


def machine() -> tuple[object, ...]:
    """What nodes would change of this machine."""
    settings = {name: Path("/proc/sys", name).read_text() for name in CHANGED_BY_NODES}
    return settings, [path for path in MADE_BY_NODES if Path(path).exists()], Path("/proc/self/mounts").read_text()
