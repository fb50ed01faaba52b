"""The control plane is real and highly available, fails as told, and is whole again when mended."""

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from laboratory.kubernetes.apiserver import Endpoint
from laboratory.kubernetes.kubectl import kubectl
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.servers.waiting import comes_true

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled, pytest.mark.root]

SLICE = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"


def test_every_master_and_the_address_serve(plane: HighlyAvailable) -> None:
    for endpoint in (*(master.api for master in plane.masters), plane.entrance):
        assert "readyz check passed" in endpoint.ask("GET", "/readyz?verbose").text


def test_masters_stand_in_two_zones(plane: HighlyAvailable) -> None:
    assert {master.zone for master in plane.masters} == {"zone-a", "zone-b"}


def test_controllers_act_on_what_is_created(plane: HighlyAvailable) -> None:
    plane.create("/api/v1/namespaces", {"metadata": {"name": "fresh"}})
    account = "/api/v1/namespaces/fresh/serviceaccounts/default"
    assert comes_true(lambda: plane.entrance.ask("GET", account).status == 200)


def test_users_have_the_rights_they_were_granted(plane: HighlyAvailable) -> None:
    kubeconfig = plane.token_kubeconfig("newcomer")
    assert "Forbidden" in kubectl(kubeconfig, "get", "pods")
    plane.grant("view", "system:serviceaccount:default:newcomer")
    assert comes_true(lambda: "Forbidden" not in kubectl(kubeconfig, "get", "pods"))


def test_a_scheduler_is_started_again_when_it_ends(plane: HighlyAvailable) -> None:
    kept = psutil.Process(plane.masters[0].scheduler.pid)
    (first,) = kept.children()
    first.kill()
    assert comes_true(lambda: [one.name() for one in kept.children() if one != first] == ["kube-scheduler"])


def test_an_etcd_member_that_lost_its_data_joins_again(plane: HighlyAvailable) -> None:
    lost = plane.masters[2]
    lost.lose_etcd_data()
    namespace = {"metadata": {"name": "meanwhile"}}
    made = {http.client.CREATED, http.client.CONFLICT}
    # It may have been the leader, and another is to be elected first.
    assert comes_true(lambda: plane.entrance.ask("POST", "/api/v1/namespaces", namespace).status in made)
    plane.readmit_etcd(lost)
    plane.settle()
    answer = lost.api.ask("GET", "/api/v1/namespaces/meanwhile")  # which asks its own master's etcd only
    assert answer.status == 200


def test_an_api_server_dies_and_the_address_goes_on(plane: HighlyAvailable) -> None:
    dead = plane.masters[0].api
    dead.kill()
    with pytest.raises(ConnectionRefusedError):
        dead.ask("GET", "/livez")
    assert comes_true(lambda: is_steady(plane.entrance))


def test_an_api_server_hangs_and_the_address_goes_on(plane: HighlyAvailable) -> None:
    hung = plane.masters[1].api
    hung.pause()
    with pytest.raises(TimeoutError):
        hung.ask("GET", "/livez", seconds=1)
    assert comes_true(lambda: is_steady(plane.entrance))
    hung.resume()
    assert hung.ask("GET", "/livez").status == 200


def test_an_api_server_is_not_ready_without_its_etcd_member(plane: HighlyAvailable) -> None:
    broken, *whole = plane.masters
    broken.etcd.kill()
    assert comes_true(lambda: "[-]etcd failed" in broken.api.ask("GET", "/readyz?verbose").text)
    assert all(master.api.ready() for master in whole)


def test_without_a_majority_of_etcd_nothing_is_written(plane: HighlyAvailable) -> None:
    for master in plane.masters[:2]:
        master.etcd.pause()
    with pytest.raises(OSError, match="timed out"):
        plane.masters[2].api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "lost"}}, seconds=2)


def test_a_master_without_power_is_silent_and_leaves_the_endpoints(plane: HighlyAvailable) -> None:
    dark = plane.masters[2]
    dark.power_off()
    with pytest.raises(OSError, match=r"timed out|No route to host"):
        dark.api.ask("GET", "/livez", seconds=2)
    assert comes_true(lambda: dark.api.address not in plane.entrance.ask("GET", SLICE).text, 60)
    plane.mend()
    assert dark.api.address in plane.entrance.ask("GET", SLICE).text


def test_a_master_that_is_cut_off_goes_on_alone(plane: HighlyAvailable) -> None:
    alone = plane.masters[0]
    alone.cut()
    assert not alone.api.ready()
    assert comes_true(lambda: is_steady(plane.entrance))
    assert all(daemon.running for daemon in alone.daemons)
    plane.mend()
    assert alone.api.ready()


def test_a_whole_master_hangs_and_the_address_goes_on(plane: HighlyAvailable) -> None:
    hung = plane.masters[1]
    hung.hang()
    with pytest.raises(TimeoutError):
        hung.api.ask("GET", "/livez", seconds=1)
    assert comes_true(lambda: is_steady(plane.entrance))


@pytest.mark.parametrize("lifetime", [timedelta(days=3), timedelta(hours=-1)])
def test_an_api_server_shows_another_certificate(plane: HighlyAvailable, lifetime: timedelta) -> None:
    master = plane.masters[0]
    process = master.api.daemon.pid
    master.certify(lifetime)
    assert master.api.ready() == (lifetime > timedelta())
    plane.mend()
    assert master.api.ready()
    assert master.api.daemon.pid == process


def test_etcd_answers_those_with_a_certificate(plane: HighlyAvailable) -> None:
    for master in plane.masters:
        with plane.asking_etcd(master) as etcd:
            etcd.request("GET", "/health")
            assert '"health":"true"' in etcd.getresponse().read().decode()


def test_etcd_refuses_those_without(plane: HighlyAvailable) -> None:
    authority, _, _ = plane.etcd_credentials
    with plane.asking_etcd(plane.masters[0]) as etcd:
        place = etcd.host, etcd.port
    with pytest.raises(ssl.SSLError, match="certificate required"):
        ask(http.client.HTTPSConnection(*place, timeout=10, context=ssl.create_default_context(cafile=authority)))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_by_hand_it_ends_with_nothing_left(tmp_path: Path, end: signal.Signals) -> None:
    command, environment = [sys.executable, "-m", "laboratory.cluster", "up"], {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as by_hand:
        assert by_hand.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            printed += by_hand.stdout.readline()
        processes = psutil.Process(by_hand.pid).children(recursive=True)
        assert len(processes) >= 4 * 3
        network = re.search(r"https://(198\.18\.\d+)\.10:6443", printed)
        assert network is not None
        by_hand.send_signal(end)
    assert comes_true(lambda: not any(process.is_running() for process in processes))
    cable = f"tapwatch{network[1].rsplit('.')[-1]}"
    assert comes_true(lambda: cable not in {name for _, name in socket.if_nameindex()})
    assert end == signal.SIGKILL or list(tmp_path.iterdir()) == []


def is_steady(endpoint: Endpoint) -> bool:
    """Whether several new connections, which a balancer spreads, are all answered."""
    return all(endpoint.ready() for _ in range(6))


def ask(connection: http.client.HTTPConnection) -> None:
    with closing(connection):
        connection.request("GET", "/health")
        connection.getresponse()
