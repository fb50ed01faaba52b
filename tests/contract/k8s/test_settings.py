"""What the pods mount is what the programs take: each is asked itself."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import alerting
from demo.servers import locate
from exporters.dispenser.address import DeviceAddress, parse_address
from k8s.manifests import FOLDER
from laboratory.servers.haproxy import haproxy
from tests.contract.k8s.built import WORKLOADS, Built, Object, containers, pod_spec

pytestmark = pytest.mark.compiled

SHIPPED = Path(alerting.__file__).parent
_MOUNTED = "/etc/tapwatch"
_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: one}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:6443"}}]
users: [{name: one, user: {token: any}}]
"""


def _mount(built: Built, workload: Object, folder: Path) -> None:
    """Write the pod's volumes into the folder as the kubelet would, each where its first container has it."""
    volumes = {volume["name"]: volume for volume in pod_spec(workload)["volumes"]}
    for mount in pod_spec(workload)["containers"][0]["volumeMounts"]:
        place = folder / mount["mountPath"].removeprefix("/")
        place.mkdir(parents=True, exist_ok=True)
        for name, content in _content(built, volumes[mount["name"]]).items():
            (place / name).write_bytes(content)


def _content(built: Built, volume: Mapping[str, Any]) -> dict[str, bytes]:
    if "configMap" in volume:
        return {
            name: text.encode() for name, text in built.one("ConfigMap", volume["configMap"]["name"])["data"].items()
        }
    if "secret" in volume:
        return _secret(built, {**volume["secret"], "name": volume["secret"]["secretName"]})
    found: dict[str, bytes] = {}
    for source in volume.get("projected", {}).get("sources", ()):
        found |= _secret(built, source["secret"])
    return found


def _secret(built: Built, source: Mapping[str, Any]) -> dict[str, bytes]:
    data = {name: base64.b64decode(value) for name, value in built.one("Secret", source["name"])["data"].items()}
    if "items" not in source:
        return data
    return {item["path"]: data[item["key"]] for item in source["items"]}


@pytest.mark.parametrize("name", ["dev", "production"])  # between them they have every process and every file
def test_our_processes_take_their_settings_and_secrets(
    all_built: Mapping[str, Built], name: str, tmp_path: Path
) -> None:
    built, checked = all_built[name], set()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(_KUBECONFIG, encoding="utf-8")  # there is no pod here whose cluster it could be
    for workload in built.of(*WORKLOADS):
        container = pod_spec(workload)["containers"][0]
        settings = next((word for word in container.get("args", ()) if word.startswith("--config.file=")), None)
        if settings is None:
            continue
        folder = tmp_path / workload["metadata"]["name"]
        _mount(built, workload, folder)
        words = [word.replace(_MOUNTED, f"{folder}{_MOUNTED}") for word in container["args"]]
        command = [sys.executable, "-m", "tapwatch", *words, "--config.check"]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        checked.add(container["args"][0])
    bridges = {"dingtalk", "zabbix"} if name == "production" else {"dingtalk"}
    assert checked == {"dispenser-exporter", "cluster-exporter"} | bridges


def test_processes_listen_where_their_ports_say(built: Built) -> None:
    for workload in built.of(*WORKLOADS):
        for container in containers(workload):
            listen = [word for word in container.get("args", ()) if word.startswith("--web.listen-address=:")]
            named = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
            assert [int(word.rpartition(":")[2]) for word in listen] == ([named["http"]] if listen else [])
            assert bool(listen) is container["image"].startswith("tapwatch:")


def test_the_cluster_exporter_writes_its_lease_where_it_may(built: Built) -> None:
    settings = yaml.safe_load(built.one("ConfigMap", "cluster-exporter")["data"]["settings.yaml"])
    assert settings["lease_namespace"] == built.namespace
    writers = [one for one in built.of("Role") if "tapwatch-cluster-exporter-write" in one["metadata"]["name"]]
    assert [one["metadata"]["namespace"] for one in writers] == [built.namespace]


def test_rights_are_given_to_the_account_that_has_them_by_another_name_in_each_overlay(built: Built) -> None:
    for one in built.of("RoleBinding", "ClusterRoleBinding"):
        assert one["metadata"]["name"].endswith(f"-{built.namespace}")
        assert one["roleRef"]["name"].endswith(f"-{built.namespace}")
        assert {subject["namespace"] for subject in one["subjects"]} == {built.namespace}


def test_haproxy_takes_the_settings(built: Built, tmp_path: Path) -> None:
    texts = {
        one["metadata"]["name"]: one["data"]["haproxy.cfg"]
        for one in built.of("ConfigMap")
        if "haproxy.cfg" in one["data"]
    }
    assert texts
    for name, text in texts.items():
        file = tmp_path / f"{name}.cfg"
        file.write_text(text, encoding="utf-8")
        command: list[str | Path] = [
            "env",
            "POD_NAMESPACE=one",
            "CLUSTER_DOMAIN=cluster.local",
            haproxy(),
            "-c",
            "-f",
            file,
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        assert "WARNING" not in answer.stderr


_ADDRESSES = st.one_of(
    st.builds(
        "{}{}:{}/{}".format,
        st.sampled_from(["", "tls://", "rtu+tcp://"]),
        st.sampled_from(["10.0.5.7", "plc-1.campus.example", "[fd00::7]", "campus"]),
        st.integers(1, 65535),
        st.integers(0, 255),
    ),
    st.builds("serial:///dev/tty{}?baudrate=9600/{}".format, st.integers(0, 99), st.integers(0, 255)),
)


@given(_ADDRESSES.map(parse_address))
def test_the_router_takes_a_gateway_for_what_the_exporter_does(address: DeviceAddress) -> None:
    text = (FOLDER / "base" / "router" / "haproxy.cfg").read_text(encoding="utf-8")
    (unit,) = re.findall(r'url_param\(target\),url_dec,regsub\("(.+)",""\)', text)
    assert re.sub(unit, "", str(address), count=1) == str(address.gateway)
    assert re.sub(unit, "", str(address.gateway), count=1) == str(address.gateway)


def test_the_router_has_room_for_all_replicas_that_there_can_be(built: Built) -> None:
    text = built.one("ConfigMap", "router")["data"]["haproxy.cfg"]
    slots = int(re.findall(r"server-template replica 1-(\d+) ", text)[0])
    most = [one["spec"]["maxReplicaCount"] for one in built.of("ScaledObject") if "exporter" in one["metadata"]["name"]]
    most += [
        one["spec"].get("replicas", 0)
        for one in built.of("Deployment")
        if one["metadata"]["name"] == "dispenser-exporter"
    ]
    assert max(most) + 1 <= slots


def test_alertmanager_takes_the_routes(built: Built, tmp_path: Path) -> None:
    """Debian's amtool may be older than the webhooks' time limit."""
    text = base64.b64decode(built.one("Secret", "alertmanager-settings")["data"]["alertmanager.yaml"]).decode()
    file = tmp_path / "alertmanager.yaml"
    file.write_text(re.sub(r"^ +timeout: \d+s\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    answer = subprocess.run([locate("amtool"), "check-config", file], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_routes_are_the_shipped_ones(built: Built) -> None:
    text = base64.b64decode(built.one("Secret", "alertmanager-settings")["data"]["alertmanager.yaml"]).decode()
    routes, shipped = yaml.safe_load(text), yaml.safe_load((SHIPPED / "routing" / "alertmanager.yaml").read_text())
    assert routes["inhibit_rules"] == shipped["inhibit_rules"]
    own = [route for route in routes["route"]["routes"] if route["receiver"] != "zabbix"]
    assert own == shipped["route"]["routes"]
    has_zabbix = any(one["metadata"]["name"] == "zabbix" for one in built.of("Deployment"))
    assert ("zabbix" in {receiver["name"] for receiver in routes["receivers"]}) is has_zabbix
    services = {(one["metadata"]["name"], port["port"]) for one in built.of("Service") for port in one["spec"]["ports"]}
    for receiver in routes["receivers"]:
        for webhook in receiver["webhook_configs"]:
            host, port = re.findall(r"^http://([a-z]+):(\d+)/", webhook["url"])[0]
            assert (host, int(port)) in services


def test_alertmanager_has_the_files_that_its_routes_name(built: Built) -> None:
    alertmanager = built.one("Alertmanager", "tapwatch")["spec"]
    (volume,), (mount,) = alertmanager["volumes"], alertmanager["volumeMounts"]
    secret = built.one("Secret", volume["secret"]["secretName"])
    files = {f"{mount['mountPath']}/{key}" for key in secret["data"]}
    text = base64.b64decode(built.one("Secret", "alertmanager-settings")["data"]["alertmanager.yaml"]).decode()
    assert volume["name"] == mount["name"]
    assert set(re.findall(r"credentials_file: (\S+)", text)) == files


def test_dispensers_are_scraped_as_alerting_has_it(built: Built) -> None:
    jobs = yaml.safe_load((SHIPPED / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    job = next(one for one in jobs if one["job_name"] == "dispensers")
    spec = built.one("ScrapeConfig", "dispensers")["spec"]
    assert (spec["jobName"], spec["metricsPath"]) == (job["job_name"], job["metrics_path"])
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label", "replacement": "replacement"}
    spelled = [{names[key]: value for key, value in rule.items()} for rule in spec["relabelings"]]
    assert spelled[:-1] == job["relabel_configs"][:-1]
    assert spelled[-1] == {**job["relabel_configs"][-1], "replacement": "router:9800"}
    prometheus = built.one("Prometheus", "tapwatch")["spec"]
    assert [prometheus[key] for key in ("scrapeInterval", "scrapeTimeout", "evaluationInterval")] == [
        "15s",
        "10s",
        "15s",
    ]


def test_no_label_of_the_operator_s_is_taken_for_one_of_ours(built: Built) -> None:
    for monitor in built.of("PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            (rule,) = endpoint["relabelings"]
            assert rule["action"] == "labeldrop"
            own = {"pod"} if endpoint.get("honorLabels") else set()
            assert set(rule["regex"].split("|")) == {"endpoint", "container", "namespace"} | own


def test_every_job_that_rules_know_is_scraped(built: Built) -> None:
    jobs = yaml.safe_load((SHIPPED / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    known = {one["spec"]["jobName"] for one in built.of("ScrapeConfig")}
    for monitor in built.of("PodMonitor"):
        selector = monitor["spec"]["selector"]
        known |= set(selector.get("matchLabels", {}).values())
        known |= {value for one in selector.get("matchExpressions", ()) for value in one["values"]}
    assert known >= {job["job_name"] for job in jobs}


def test_grafana_loads_every_dashboard(built: Built) -> None:
    if not any(one["metadata"]["name"] == "grafana" for one in built.of("Deployment")):
        assert built.name == "laboratory"
        return
    mounts = {one["mountPath"] for one in pod_spec(built.one("Deployment", "grafana"))["containers"][0]["volumeMounts"]}
    providers = yaml.safe_load(built.one("ConfigMap", "grafana-provisioning")["data"]["providers.yaml"])["providers"]
    assert {one["options"]["path"] for one in providers} <= mounts
    generated = FOLDER.parent / "dashboards" / "generated"
    for language, name in (("en", "dashboards-en"), ("zh-TW", "dashboards-zh-tw")):
        files = {file.name for file in (generated / language).glob("*.json")}
        assert set(built.one("ConfigMap", name)["data"]) == files
