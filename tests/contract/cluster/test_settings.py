"""Files that people write: each `invalid/*.txt` holds the exact faults of the settings file beside it."""

import re
from itertools import product
from pathlib import Path

import pytest
import yaml

import exporters.cluster
from exporters.cluster.kubeconfig import Plugin, Target, read_target
from exporters.cluster.settings import Cluster, EtcdSettings, Timing, Watching, default_plan, load_plan
from exporters.cluster.view import View, wanted_rights
from tapwatch.errors import ConfigError

INVALID = Path(__file__).parent / "invalid"
GOOD = INVALID / "good.kubeconfig"
IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def write(folder: Path, text: str) -> Path:
    file = folder / "clusters.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("expected", sorted(INVALID.glob("*.txt")), ids=lambda path: path.stem)
def test_every_fault_of_all_files_is_told_at_once(expected: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(expected.with_suffix(".yaml"), {})
    assert str(caught.value).replace(f"{INVALID}/", "") == expected.read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("file", sorted(INVALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_fault_repeats_a_secret(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(file, {})
    assert "hunter2" not in str(caught.value)


def test_the_firm_names_of_the_settings_are_taken(tmp_path: Path) -> None:
    text = f"""
clusters:
  - name: campus
    kubeconfig: {GOOD}
    context: admin
    endpoints: [https://10.0.0.11:6443, https://10.0.0.12:6443/]
    region: tw-north
    zone: a
    provider: on-premises
interval: 10s
timeout: 2500ms
"""
    plan = load_plan(write(tmp_path, text), {})
    target = Target((GOOD,), "admin", "campus", "https://10.0.0.10:6443")
    endpoints = ("https://10.0.0.11:6443", "https://10.0.0.12:6443")
    assert plan.clusters == (Cluster("campus", target, endpoints, "tw-north", "a", "on-premises"),)
    assert plan.timing == Timing.model_construct(interval=10.0, timeout=2.5)


def test_without_a_file_a_probe_starts_every_five_seconds_and_has_four() -> None:
    timing = default_plan(GOOD, {}).timing
    assert (timing.interval, timing.connect_timeout, timing.timeout, timing.refresh) == (5, 1, 4, 30)


def test_without_a_file_the_current_context_of_kubectls_kubeconfig_is_watched(tmp_path: Path) -> None:
    target = Target((GOOD,), "admin", "campus", "https://10.0.0.10:6443")
    assert default_plan(GOOD, {}).clusters == (Cluster("campus", target),)
    assert default_plan(None, {"KUBECONFIG": f"{tmp_path}/absent:{GOOD}"}).clusters == (Cluster("campus", target),)


def test_a_pod_without_a_kubeconfig_watches_its_own_cluster(tmp_path: Path) -> None:
    environment = {**IN_A_POD, "KUBECONFIG": f"{tmp_path}/absent"}
    (cluster,) = default_plan(None, environment).clusters
    assert (cluster.name, cluster.target.server, cluster.target.files) == ("in-cluster", "https://10.96.0.1:443", ())
    (named,) = load_plan(write(tmp_path, "clusters: [{name: campus}]"), environment).clusters
    assert (named.name, named.target) == ("campus", cluster.target)


def test_a_pod_whose_kubeconfig_is_named_but_absent_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        default_plan(tmp_path / "absent", IN_A_POD)


def test_without_any_kubeconfig_the_fault_says_what_to_do(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(ConfigError) as caught:
        default_plan(None, {"KUBECONFIG": str(absent)})
    assert str(caught.value) == (
        f"{absent}: does not exist; "
        "name a kubeconfig with --kubeconfig or in KUBECONFIG, or clusters with --config.file"
    )
    with pytest.raises(ConfigError, match=r"clusters\[0\]\.kubeconfig: is missing; kubectl has no kubeconfig"):
        load_plan(write(tmp_path, "clusters: [{name: campus}]"), {"KUBECONFIG": str(absent)})


def test_a_file_that_may_not_be_looked_at_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    """As one in a folder of somebody else's is; root may look everywhere, so here the name is too long."""
    file = tmp_path / ("long" * 100)
    reason = f"{file}: cannot be read: File name too long"
    with pytest.raises(ConfigError, match=re.escape(reason)):
        load_plan(write(tmp_path, f"clusters: [{{name: campus, kubeconfig: {file}}}]"), {})
    with pytest.raises(ConfigError, match=re.escape(reason)):
        default_plan(None, {"KUBECONFIG": str(file)})
    with pytest.raises(ConfigError, match=r"clusters\[0\]\.token_file: .+ cannot be read: File name too long"):
        load_plan(write(tmp_path, f"clusters: [{{name: a, server: 'https://a:6443', token_file: {file}}}]"), {})


def test_of_several_kubeconfigs_the_first_to_name_something_decides(tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.write_text(
        "current-context: guest\n"
        "clusters: [{name: campus, cluster: {server: 'https://other:6443'}}, "
        "{name: lab, cluster: {server: 'https://lab:6443'}}]\n"
        "contexts: [{name: lab, context: {cluster: lab, user: root}}]\n",
        encoding="utf-8",
    )
    assert read_target([GOOD, second], None).server == "https://10.0.0.10:6443"
    assert read_target([GOOD, second], "lab") == Target((GOOD, second), "lab", "lab", "https://lab:6443")
    assert read_target([second, GOOD], None) == Target((second, GOOD), "guest", "campus", "https://other:6443")


def test_a_credential_plugin_is_looked_up_as_kubectl_does(tmp_path: Path) -> None:
    """On PATH, or from the kubeconfig's own folder when it is a path."""
    file = tmp_path / "kubeconfig"
    exec_ = "{exec: {command: COMMAND, apiVersion: v1, installHint: Ask us.}}"
    content = GOOD.read_text(encoding="utf-8").replace("{token: hunter2}", exec_)
    (tmp_path / "plugin").touch(mode=0o755)
    for command, is_installed in (("sh", True), ("./plugin", True), ("no-such-plugin", False), ("./absent", False)):
        file.write_text(content.replace("COMMAND", command), encoding="utf-8")
        plugin = read_target([file], None).plugin
        assert plugin == Plugin(command, tmp_path, "Ask us.")
        assert plugin.is_installed == is_installed


def test_a_proxy_is_taken_from_the_kubeconfig_and_its_password_shown_to_nobody(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    proxied = 'cluster: {proxy-url: "http://me:hunter2@proxy.example:3128", '
    file.write_text(GOOD.read_text(encoding="utf-8").replace("cluster: {", proxied, 1), encoding="utf-8")
    target = read_target([file], None)
    assert target.proxy is not None
    assert target.proxy.get_secret_value() == "http://me:hunter2@proxy.example:3128"
    assert "hunter2" not in repr(target)


def test_a_cluster_is_named_by_its_server_with_token_and_authority(tmp_path: Path) -> None:
    (tmp_path / "campus.token").write_text("hunter2")
    (tmp_path / "campus.ca").write_text("PEM")
    text = """
clusters:
  - name: campus
    server: https://10.0.0.10:6443
    token_file: ./campus.token
    ca_file: ./campus.ca
    tls_server_name: kubernetes
    endpoints_dns: https://masters.example:6443
    etcd: {endpoints: [https://10.0.0.11:2379], ca_file: ./campus.ca}
parts: [nodes, write]
system_namespaces: [kube-system, tapwatch]
rollout_deadline: 5m
lease_namespace: probes
"""
    plan = load_plan(write(tmp_path, text), {})
    (cluster,) = plan.clusters
    assert cluster.target == Target(
        (),
        "campus",
        "campus",
        "https://10.0.0.10:6443",
        token_file=tmp_path / "campus.token",
        ca_file=tmp_path / "campus.ca",
        server_name="kubernetes",
    )
    assert cluster.endpoints_dns == "https://masters.example:6443"
    assert cluster.etcd == EtcdSettings.model_construct(
        endpoints=("https://10.0.0.11:2379",), ca_file=tmp_path / "campus.ca"
    )
    assert plan.watching == Watching.model_construct(
        parts=("nodes", "write"),
        system_namespaces=("kube-system", "tapwatch"),
        rollout_deadline=300.0,
        lease_namespace="probes",
    )


def test_the_manifest_grants_just_what_is_asked_for() -> None:
    """The least rights: every one that a part needs, and none besides."""
    granted = set()
    for role in yaml.safe_load_all((Path(exporters.cluster.__file__).parent / "rbac.yaml").read_text("utf-8")):
        for rule in role.get("rules", ()) if role["kind"] in {"Role", "ClusterRole"} else ():
            namespace = role["metadata"].get("namespace", "")
            granted |= set(product(rule["verbs"], rule["apiGroups"], rule["resources"], [namespace]))
    settings = Watching()
    assert {tuple(right)[1:] for right in wanted_rights(View(settings), settings)} == granted
