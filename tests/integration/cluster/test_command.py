"""`tapwatch cluster-exporter` as a process: started, scraped, reloaded, told wrong things, ended."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from exporters.cluster.simulator import SimulatedControlPlane
from laboratory.processes import Running, run_to_end, running
from tapwatch import catalogue
from tests.integration.cluster.watching import Scrape

UP = catalogue.CONTROLPLANE_ENDPOINT_UP


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[SimulatedControlPlane]:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=1) as plane:
        yield plane


async def until(exporter: Running, cluster: str, *values: float) -> Scrape:
    """The first scrape with these values of `up` for a cluster's endpoints."""
    for _ in range(200):
        scrape = Scrape(await exporter.metrics())
        if scrape.values(UP, cluster=cluster) == list(values):
            return scrape
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within 10 s:\n{exporter.log.read_text()}\n{await exporter.metrics()}")


async def test_it_needs_only_a_kubeconfig(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    async with running(tmp_path, "cluster-exporter", f"--kubeconfig={plane.kubeconfig}") as exporter:
        scrape = await until(exporter, "simulated", 1.0, 1.0)
        assert sorted(scrape.labels(UP, "role")) == ["address", "replica"]
        deadline = time.monotonic() + 10
        while (await exporter.get("/-/ready"))[0] != 200:
            assert time.monotonic() < deadline, await exporter.get("/-/ready")
            await asyncio.sleep(0.05)
        exporter.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(exporter.process.wait(), 5) == 0


async def test_it_takes_the_kubeconfig_that_kubectl_takes(
    tmp_path: Path, plane: SimulatedControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    async with running(tmp_path, "cluster-exporter") as exporter:
        await until(exporter, "simulated", 1.0, 1.0)


async def test_no_secret_is_shown_anywhere(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    token = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    settings = tmp_path / "clusters.yaml"
    settings.write_text(f"interval: 300ms\nclusters: [{{name: simulated, kubeconfig: {plane.kubeconfig}}}]")
    arguments = (f"--config.file={settings}", "--log.level=debug")
    async with running(tmp_path, "cluster-exporter", *arguments) as exporter:
        scrape = await until(exporter, "simulated", 1.0, 1.0)
        await plane.replicas[0].kill()
        await until(exporter, "simulated", 0.0, 0.0)
        pages = [scrape.text, await exporter.metrics()]
        pages += [(await exporter.get(path))[1] for path in ("/", "/-/ready", "/-/healthy")]
    pages.append(exporter.log.read_text(encoding="utf-8"))
    assert '"event": "endpoint.down"' in pages[-1]
    assert not any(token in page for page in pages)


async def test_a_cluster_is_added_by_a_reload_and_a_fault_keeps_what_runs(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    settings = tmp_path / "clusters.yaml"
    settings.write_text(f"clusters: [{{name: one, kubeconfig: {plane.kubeconfig}}}]")
    async with running(tmp_path, "cluster-exporter", f"--config.file={settings}") as exporter:
        await until(exporter, "one", 1.0, 1.0)
        settings.write_text("clusters: [{name: one, kubeconfig: ./absent}]")
        fault = f"{settings}:1: clusters[0].kubeconfig: there is no file {tmp_path}/absent"
        assert await exporter.post("/-/reload") == (500, f"The old settings keep running:\n{fault}\n")
        await until(exporter, "one", 1.0, 1.0)
        settings.write_text(f"clusters: [{{name: two, kubeconfig: {plane.kubeconfig}}}]")
        exporter.process.send_signal(signal.SIGHUP)
        scrape = await until(exporter, "two", 1.0, 1.0)
        assert scrape.values(UP, cluster="one") == []


async def test_a_credential_plugin_that_hangs_delays_neither_other_clusters_nor_the_end(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    hung = yaml.safe_load(plane.kubeconfig.read_text())
    plugin = {"command": "sleep", "args": ["3600"], "apiVersion": "client.authentication.k8s.io/v1"}
    hung["users"][0]["user"] = {"exec": plugin}
    (plane.folder / "hung.yaml").write_text(yaml.safe_dump(hung))
    settings = tmp_path / "clusters.yaml"
    clusters = [
        {"name": "hung", "kubeconfig": str(plane.folder / "hung.yaml")},
        {"name": "good", "kubeconfig": str(plane.kubeconfig)},
    ]
    settings.write_text(yaml.safe_dump({"clusters": clusters}))
    async with running(tmp_path, "cluster-exporter", f"--config.file={settings}") as exporter:
        await until(exporter, "good", 1.0, 1.0)
        only_hung = (503, "tapwatch cluster-exporter is not ready: the first round is not over in hung.\n")
        deadline = time.monotonic() + 10
        while await exporter.get("/-/ready") != only_hung:
            assert time.monotonic() < deadline, await exporter.get("/-/ready")
            await asyncio.sleep(0.05)
        started = time.monotonic()
        exporter.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(exporter.process.wait(), 10)
    assert time.monotonic() - started < 3


async def test_without_a_kubeconfig_it_says_what_to_do_and_exits_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/absent")
    status, _, err = await run_to_end("cluster-exporter")
    advice = "name a kubeconfig with --kubeconfig or in KUBECONFIG, or clusters with --config.file"
    assert (status, err) == (2, f"error: {tmp_path}/absent: does not exist; {advice}\n1 fault.\n")


async def test_a_plugin_that_is_not_installed_is_told_and_keeps_no_other_cluster_from_being_watched(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    cloud = tmp_path / "cloud.kubeconfig"
    cloud.write_text("""\
current-context: cloud
clusters: [{name: cloud, cluster: {server: "https://cloud.example"}}]
users: [{name: me, user: {exec: {command: no-such-plugin, apiVersion: v1, installHint: Ask us.}}}]
contexts: [{name: cloud, context: {cluster: cloud, user: me}}]
""")
    settings = tmp_path / "clusters.yaml"
    settings.write_text(
        f"clusters: [{{name: cloud, kubeconfig: {cloud}}}, {{name: good, kubeconfig: {plane.kubeconfig}}}]"
    )
    async with running(tmp_path, "cluster-exporter", f"--config.file={settings}") as exporter:
        await until(exporter, "good", 1.0, 1.0)
        scrape = await until(exporter, "cloud", 0.0)
        log = exporter.log.read_text(encoding="utf-8")
    assert scrape.labels(catalogue.CONTROLPLANE_ENDPOINT_FAILURE, "reason", cluster="cloud") == ["credentials"]
    assert scrape.labels(catalogue.CONTROLPLANE_DISCOVERY_FAILURE, "reason", cluster="cloud") == ["credentials"]
    assert "the credential plugin 'no-such-plugin' is not installed, or not on PATH. Ask us." in log


async def test_a_settings_file_is_checked_without_asking_any_cluster(tmp_path: Path) -> None:
    invalid = Path(__file__).parents[2] / "contract" / "cluster" / "invalid"
    good = tmp_path / "clusters.yaml"
    good.write_text(f"clusters: [{{name: campus, kubeconfig: {invalid}/good.kubeconfig}}]")
    assert await run_to_end("cluster-exporter", f"--config.file={good}", "--config.check") == (0, f"{good}: good\n", "")
    status, _, err = await run_to_end("cluster-exporter", f"--config.file={invalid}/keys.yaml", "--config.check")
    assert status == 2
    assert err.count("error: ") == len((invalid / "keys.txt").read_text().splitlines())


async def test_a_kubeconfig_beside_a_settings_file_is_refused() -> None:
    status, _, err = await run_to_end("cluster-exporter", "--config.file=a.yaml", "--kubeconfig=b.yaml")
    assert status == 2
    assert "give --kubeconfig or --config.file" in err
