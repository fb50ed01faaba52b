"""Files that people write: each `invalid/*.txt` holds the exact faults of the settings file beside it."""

from pathlib import Path

import pytest

from exporters.cluster.kubeconfig import Target, read_target
from exporters.cluster.settings import Cluster, Timing, default_plan, load_plan
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
    content = GOOD.read_text(encoding="utf-8").replace("{token: hunter2}", "{exec: {command: COMMAND, apiVersion: v1}}")
    for command in ("sh", "./plugin"):
        (tmp_path / "plugin").touch(mode=0o755)
        file.write_text(content.replace("COMMAND", command), encoding="utf-8")
        assert read_target([file], None).plugin == command
    (tmp_path / "plugin").chmod(0o644)
    with pytest.raises(ConfigError, match=r"the credential plugin '\./plugin' is not installed"):
        read_target([file], None)
