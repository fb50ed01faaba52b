"""The control plane is real, and its replicas fail as told."""

from collections.abc import Iterator

import pytest

from laboratory.kubernetes.controlplane import ControlPlane
from laboratory.kubernetes.kubectl import kubectl
from laboratory.servers.daemon import can_have_host_names

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane.start(tmp_path_factory.mktemp("plane"), replicas=3) as running:
        yield running


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_every_replica_answers_with_its_checks(plane: ControlPlane, path: str) -> None:
    for replica in plane.replicas:
        answer = replica.ask("GET", f"{path}?verbose")
        assert answer.status == 200
        assert "[+]etcd ok" in answer.text


def test_replicas_tell_their_version(plane: ControlPlane) -> None:
    assert plane.replicas[1].ask("GET", "/version").json()["gitVersion"] == "v1.37.0"


@pytest.mark.skipif(not can_have_host_names(), reason="this system allows no host name of one's own")
def test_each_replica_holds_a_lease_of_its_own(plane: ControlPlane) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    selector = "labelSelector=apiserver.kubernetes.io/identity=kube-apiserver"
    found = plane.replicas[0].ask("GET", f"{leases}?{selector}").json()["items"]
    hosts = {lease["metadata"]["labels"]["kubernetes.io/hostname"] for lease in found}
    assert hosts == {replica.name for replica in plane.replicas}


def test_a_killed_replica_refuses_and_comes_back(plane: ControlPlane) -> None:
    victim, other = plane.replicas[:2]
    victim.kill()
    with pytest.raises(ConnectionRefusedError):
        victim.ask("GET", "/livez")
    assert other.ready()
    victim.restart()
    assert victim.ready()


def test_a_paused_replica_accepts_and_never_answers(plane: ControlPlane) -> None:
    victim, other = plane.replicas[1:]
    victim.pause()
    with pytest.raises(TimeoutError):
        victim.ask("GET", "/livez", seconds=1)
    assert other.ready()
    victim.resume()
    assert victim.ask("GET", "/livez").status == 200


def test_replicas_are_not_ready_while_etcd_hangs(plane: ControlPlane) -> None:
    plane.etcd.pause()
    assert plane.replicas[0].ask("GET", "/readyz").status == 500
    plane.etcd.resume()
    assert plane.replicas[0].ask("GET", "/readyz").status == 200


def test_a_service_account_may_do_what_it_was_granted(plane: ControlPlane) -> None:
    kubeconfig = plane.token_kubeconfig("watcher")
    assert "Forbidden" in kubectl(kubeconfig, "get", "--raw", "/metrics")
    plane.grant("system:monitoring", "system:serviceaccount:default:watcher")
    assert "apiserver_request_total" in kubectl(kubeconfig, "get", "--raw", "/metrics")


def test_a_client_certificate_tells_user_and_groups(plane: ControlPlane) -> None:
    told = kubectl(plane.client_kubeconfig("alice", groups=["staff"]), "auth", "whoami")
    assert "alice" in told
    assert "staff" in told


def test_the_administrator_may_do_everything(plane: ControlPlane) -> None:
    assert kubectl(plane.kubeconfig, "auth", "can-i", "*", "*").strip() == "yes"


def test_a_kubeconfig_is_for_its_owner_only(plane: ControlPlane) -> None:
    assert plane.kubeconfig.stat().st_mode & 0o777 == 0o600
