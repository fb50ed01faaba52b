"""Tools are made once, whole, and from exactly what their modules say."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from laboratory.programs import compiling, gotoolchain, gotools
from tapwatch.cache import cached, tools_folder
from tapwatch.errors import TapwatchError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_what_several_ask_for_at_once_is_made_once() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.1)
        (folder / "tool").touch()

    with ThreadPoolExecutor(4) as pool:
        found = [asked.result() for asked in [pool.submit(cached, "tool", "1", make) for _ in range(4)]]
    assert len(made) == 1
    assert all((folder / "tool").is_file() for folder in found)


def test_a_failed_make_is_not_found_and_tried_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise TapwatchError("no")

    with pytest.raises(TapwatchError):
        cached("tool", "1", fail)
    assert not (tools_folder() / "tool-1").exists()
    assert list(cached("tool", "1", lambda folder: (folder / "whole").touch()).iterdir()) == [
        tools_folder() / "tool-1" / "whole"
    ]


def test_every_module_is_of_a_tool() -> None:
    assert set(gotools.MODULES.iterdir()) == {tool.module for tool in gotools.TOOLS.values()}


def test_an_unknown_tool_is_told_with_the_known_ones() -> None:
    with pytest.raises(TapwatchError, match=r"no tool 'kubeadm'; there are modbus_exporter, etcd, "):
        gotools.ensure("kubeadm")


@pytest.mark.parametrize(
    ("tool", "version"),
    [
        ("modbus_exporter", "0.4.1"),
        ("telegraf", "1.39.0"),
        ("etcd", "3.7.3"),
        ("kube-apiserver", "1.37.0"),
        ("kubectl", "1.37.0"),
        ("kube-scheduler", "1.37.0"),
        ("kubelet", "1.37.0"),
        ("containerd", "2.4.2"),
        ("containerd-shim-runc-v2", "2.4.2"),
        ("host-local", "1.9.1"),
        ("coredns", "1.15.0"),
        ("kwok", "0.8.0"),
        ("kube-state-metrics", "2.20.0"),
        ("pint", "0.87.0"),
        ("prometheus", "0.315.0"),
        ("alertmanager", "0.34.2"),
        ("prometheus-operator", "0.89.0"),
        ("prometheus-config-reloader", "0.89.0"),
        ("cloudnative-pg", "1.28.0"),
        ("keda", "2.20.0"),
        ("keda-metrics-apiserver", "2.20.0"),
    ],
)
def test_a_tool_is_of_its_modules_version(tool: str, version: str) -> None:
    assert gotools.TOOLS[tool].version == version


def test_telegraf_is_built_with_the_plugins_that_the_benchmark_uses_and_for_no_test() -> None:
    telegraf = gotools.TOOLS["telegraf"]
    assert telegraf.tags == ("custom", "inputs.modbus", "outputs.discard", "outputs.prometheus_client")
    assert not telegraf.for_tests


def test_what_only_benchmarks_and_the_laboratory_run_is_built_when_it_is_named() -> None:
    assert {name for name, tool in gotools.TOOLS.items() if not tool.for_tests} == {
        "kube-state-metrics",
        "telegraf",
        "prometheus",
        "alertmanager",
        "prometheus-operator",
        "prometheus-config-reloader",
        "cloudnative-pg",
        "keda",
        "keda-metrics-apiserver",
    }


def test_another_tag_is_another_build() -> None:
    telegraf = gotools.TOOLS["telegraf"]
    assert telegraf.key == replace(telegraf).key != replace(telegraf, tags=telegraf.tags[:-1]).key


def test_tools_of_one_module_are_different_programs() -> None:
    assert gotools.TOOLS["kube-scheduler"].package == "k8s.io/kubernetes/cmd/kube-scheduler"
    assert gotools.TOOLS["kubectl"].package == "k8s.io/kubernetes/cmd/kubectl"
    assert gotools.TOOLS["containerd"].package == "github.com/containerd/containerd/v2/cmd/containerd"
    assert gotools.TOOLS["keda"].package == "github.com/kedacore/keda/v2/cmd/operator"
    assert gotools.TOOLS["keda-metrics-apiserver"].package == "github.com/kedacore/keda/v2/cmd/adapter"


def test_another_generated_file_is_another_build() -> None:
    alertmanager = gotools.TOOLS["alertmanager"]
    assert alertmanager.key != replace(alertmanager, generated={"ui/app/dist/index.html": "another"}).key


def test_the_api_server_is_linked_with_its_version() -> None:
    flags = gotools.TOOLS["kube-apiserver"].linker_flags
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.0" in flags


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.26.0", (1, 26, 0)), ("go version go1.26.8 linux/amd64", (1, 26, 8)), ("go version go1.27rc1 x", (1, 27, 0))],
)
def test_go_versions_are_read(text: str, version: gotoolchain.Version) -> None:
    assert gotoolchain.parse_version(text) == version


def a_program(folder: Path, name: str, version: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {name} {version}\n")
    program.chmod(0o755)
    return program


def test_a_program_on_path_is_used_when_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = a_program(tmp_path, "kubeconform", "v0.7.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv(compiling.VARIABLE, raising=False)
    assert gotools.ensure("kubeconform") == program


def test_a_program_on_path_that_is_too_old_is_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = a_program(tmp_path, "kwok", "v0.6.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gotools.on_path(gotools.TOOLS["kwok"]) is None
    assert gotools.on_path(gotools.TOOLS["kwok"]) is None
    told = capsys.readouterr().err
    assert told.count("\n") == 1  # once
    assert f"kwok: {program} is 0.6, not 0.7 or later; ours is used" in told


def test_whoever_may_not_compile_is_refused_whatever_the_cache_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiling.VARIABLE, "never")
    with pytest.raises(TapwatchError, match=r"kubectl is compiled, which this run may not do"):
        gotools.ensure("kubectl")
