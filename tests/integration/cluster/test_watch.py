"""Clusters watched: simulated control planes whose replicas are killed, hung, taken off the list and brought back."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
import yaml
from prometheus_client import CollectorRegistry

from exporters.cluster.settings import Timing, Watching, default_plan
from exporters.cluster.simulator import SimulatedControlPlane
from exporters.cluster.watch import Watch
from laboratory.kubernetes.kubeconfig import token_user, write_kubeconfig
from tapwatch import catalogue, log
from tapwatch.errors import ConfigError
from tapwatch.instruments import counter
from tapwatch.log import LogFormat
from tests.integration.cluster.watching import Scrape, watching

INTERVAL = 0.4
TIMING = "{interval: 400ms, connect_timeout: 2s, timeout: 30s, refresh: 1s}"
SLACK = 8.0
"""The design grants 1 s beyond one interval; the rest is for a machine that builds at the same time."""

UP, FAILURE, CHECK = (
    catalogue.CONTROLPLANE_ENDPOINT_UP,
    catalogue.CONTROLPLANE_ENDPOINT_FAILURE,
    catalogue.CONTROLPLANE_CHECK,
)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[SimulatedControlPlane]:
    async with SimulatedControlPlane(tmp_path / "plane", replicas=2) as plane:
        yield plane


def write_settings(folder: Path, *clusters: str, more: str = "") -> Path:
    file = folder / "clusters.yaml"
    timing = "".join(f"{part.strip()}\n" for part in TIMING.strip("{}").split(","))
    file.write_text(f"{timing}{more}clusters:\n" + "".join(f"  - {cluster}\n" for cluster in clusters))
    return file


def simulated(plane: SimulatedControlPlane, name: str = "simulated") -> str:
    return f"{{name: {name}, kubeconfig: {plane.kubeconfig}, region: tw-north, zone: a}}"


def everything_is_up(scrape: Scrape, endpoints: int = 3) -> bool:
    return scrape.values(UP) == [1.0] * endpoints


async def test_every_replica_and_the_address_are_found_and_up(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until_ready()
        scrape = await exporter.until(everything_is_up)
    place = {"cluster": "simulated", "region": "tw-north", "zone": "a"}
    urls = [replica.url for replica in plane.replicas]
    assert sorted(scrape.labels(UP, "endpoint", role="replica", **place)) == sorted(urls)
    assert len(scrape.labels(UP, "endpoint", role="address", **place)) == 1
    assert scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP, **place) == [1.0]
    versions = scrape.labels(catalogue.CONTROLPLANE_VERSION, "git_version", **place)
    assert versions == ["v1.37.0-simulated"] * 3
    assert scrape.values(CHECK, check="etcd", endpoint=urls[0]) == [1.0, 1.0]


async def test_a_killed_replica_is_seen_in_time(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    dead, alive = (replica.url for replica in plane.replicas)
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until(everything_is_up)
        await plane.replicas[0].kill()
        scrape = await exporter.until(lambda scrape: scrape.values(UP, endpoint=dead) == [0.0], INTERVAL + SLACK)
        assert scrape.labels(FAILURE, "reason", endpoint=dead) == ["connect"]
        assert scrape.values(UP, endpoint=alive) == [1.0]
        assert scrape.values(CHECK, endpoint=dead) == []
        await exporter.until(lambda scrape: scrape.values(UP, role="address") == [1.0])
        await plane.replicas[0].restart()
        await exporter.until(everything_is_up, INTERVAL + SLACK)


async def test_a_hung_replica_is_seen_in_time(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    hung, alive = (replica.url for replica in plane.replicas)
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until(everything_is_up)
        await plane.replicas[0].hang()
        scrape = await exporter.until(lambda scrape: scrape.values(UP, endpoint=hung) == [0.0], INTERVAL + SLACK)
        assert scrape.labels(FAILURE, "reason", endpoint=hung) == ["timeout"]
        assert scrape.values(UP, endpoint=alive) == [1.0]
        await plane.replicas[0].resume()
        await exporter.until(everything_is_up)


async def test_a_single_failing_check_is_named(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    ill, well = (replica.url for replica in plane.replicas)
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until(everything_is_up)
        await plane.replicas[0].fail("etcd-readiness")
        scrape = await exporter.until(lambda scrape: scrape.values(UP, endpoint=ill) == [0.0], INTERVAL + SLACK)
        assert scrape.values(CHECK, endpoint=ill, path="/readyz", check="etcd-readiness") == [0.0]
        assert scrape.values(CHECK, endpoint=ill, path="/readyz", check="ping") == [1.0]
        assert scrape.values(catalogue.CONTROLPLANE_HEALTH, endpoint=ill, path="/livez") == [1.0]
        assert scrape.values(catalogue.CONTROLPLANE_HEALTH, endpoint=ill, path="/readyz") == [0.0]
        assert scrape.labels(FAILURE, "reason", endpoint=ill) == ["unhealthy"]
        assert scrape.values(UP, endpoint=well) == [1.0]
        await plane.replicas[0].mend("etcd-readiness")
        await exporter.until(everything_is_up)


async def test_writes_are_seen_to_fail_where_etcd_does_and_nowhere_else(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    ill, well = (replica.url for replica in plane.replicas)
    async with watching(write_settings(tmp_path, simulated(plane), more="write_interval: 300ms\n")) as exporter:
        await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_WRITE_UP) == [1.0, 1.0, 1.0])
        await plane.replicas[0].fail("etcd")
        scrape = await exporter.until(
            lambda scrape: scrape.values(catalogue.CONTROLPLANE_WRITE_UP, endpoint=ill) == [0.0]
        )
        assert scrape.labels(catalogue.CONTROLPLANE_WRITE_FAILURE, "reason", endpoint=ill) == ["unhealthy"]
        await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_WRITE_UP, endpoint=well) == [1.0])
        await plane.replicas[0].mend("etcd")
        await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_WRITE_UP) == [1.0, 1.0, 1.0])


async def test_a_dead_replica_stays_down_after_the_others_took_it_off_the_list(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    dead = plane.replicas[0].url
    settings = write_settings(tmp_path, simulated(plane), more="forget_after: 2s\n")
    async with watching(settings) as exporter:
        await exporter.until(everything_is_up)
        await plane.replicas[0].kill()
        plane.list_only(plane.replicas[1:])
        await exporter.until(lambda scrape: scrape.values(UP, endpoint=dead) == [0.0])
        await asyncio.sleep(1)
        assert (await exporter.scrape()).values(UP, endpoint=dead) == [0.0]
        forgotten = await exporter.until(lambda scrape: scrape.values(UP, endpoint=dead) == [])
        assert dead not in forgotten.text


async def test_a_new_replica_is_found(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    plane.list_only(plane.replicas[1:])
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until(lambda scrape: everything_is_up(scrape, 2))
        plane.list_only(plane.replicas)
        await exporter.until(everything_is_up)


async def test_the_known_replicas_are_probed_on_while_discovery_fails(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until(everything_is_up)
        for replica in plane.replicas:
            await replica.kill()
        down = await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == [0.0])
        assert len(down.labels(catalogue.CONTROLPLANE_DISCOVERY_FAILURE, "reason")) == 1
        await exporter.until(lambda scrape: scrape.values(UP) == [0.0, 0.0, 0.0])
        for replica in plane.replicas:
            await replica.restart()
        back = await exporter.until(everything_is_up)
        await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == [1.0])
        assert len(back.labels(UP, "endpoint")) == 3


async def test_a_hung_cluster_delays_no_other(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        url = f"https://127.0.0.1:{hung.getsockname()[1]}"
        pem = trustme.CA().cert_pem.bytes()
        kubeconfig = write_kubeconfig(tmp_path / "hung.kubeconfig", url, pem, "tester", token_user("hunter2"))
        settings = write_settings(tmp_path, f"{{name: hung, kubeconfig: {kubeconfig}}}", simulated(plane))
        async with watching(settings) as exporter:
            started = time.monotonic()
            status, text = await exporter.get("/-/ready")
            assert (status, "not ready: the first round is not over in hung" in text) == (503, True), text
            await exporter.until(lambda scrape: scrape.values(UP, cluster="simulated") == [1.0, 1.0, 1.0], 5)
            scrape = await exporter.until(lambda scrape: scrape.values(UP, cluster="hung") == [0.0])
            assert scrape.labels(FAILURE, "reason", cluster="hung") == ["timeout"]
            await asyncio.sleep(5 * INTERVAL)
            probes = (await exporter.scrape()).values(
                catalogue.CONTROLPLANE_PROBES, cluster="simulated", path="/livez", result="ok"
            )
            expected = (time.monotonic() - started) / INTERVAL
            assert all(0.6 * expected <= count <= expected + 1 for count in probes)


async def test_an_unreachable_cluster_at_the_start_is_a_metric_and_no_end(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{reserved.getsockname()[1]}"
        pem = trustme.CA().cert_pem.bytes()
        kubeconfig = write_kubeconfig(tmp_path / "dead.kubeconfig", url, pem, "tester", token_user("hunter2"))
        async with watching(write_settings(tmp_path, f"{{name: dead, kubeconfig: {kubeconfig}}}")) as exporter:
            await exporter.until_ready()
            scrape = await exporter.scrape()
    assert scrape.labels(FAILURE, "reason") == ["connect"]
    assert scrape.labels(catalogue.CONTROLPLANE_DISCOVERY_FAILURE, "reason") == ["connect"]


async def test_named_endpoints_are_probed_without_discovery(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    only = plane.replicas[1].url
    cluster = simulated(plane).replace("}", f", endpoints: ['{only}']}}")
    async with watching(write_settings(tmp_path, cluster)) as exporter:
        scrape = await exporter.until(lambda scrape: everything_is_up(scrape, 2))
    assert scrape.labels(UP, "endpoint", role="replica") == [only]
    assert scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == []


async def test_a_reload_adds_and_removes_clusters_and_keeps_the_rest_without_a_gap(
    tmp_path: Path, plane: SimulatedControlPlane
) -> None:
    settings = write_settings(tmp_path, simulated(plane, "kept"), simulated(plane, "gone"))
    async with watching(settings) as exporter:
        await exporter.until(lambda scrape: everything_is_up(scrape, 6))
        await exporter.until_ready()
        before = (await exporter.scrape()).values(catalogue.CONTROLPLANE_PROBES, cluster="kept", role="address")
        write_settings(tmp_path, simulated(plane, "kept"), simulated(plane, "came"))
        exporter.server.reload()
        at_once = await exporter.scrape()
        assert at_once.values(UP, cluster="kept") == [1.0, 1.0, 1.0]
        after = at_once.values(catalogue.CONTROLPLANE_PROBES, cluster="kept", role="address")
        assert all(new >= old >= 1 for new, old in zip(after, before, strict=True))
        assert at_once.labels(catalogue.CONTROLPLANE_CLUSTER, "cluster") == ["kept", "came"]
        assert (await exporter.get("/-/ready"))[0] == 200
        await exporter.until(lambda scrape: scrape.values(UP, cluster="came") == [1.0, 1.0, 1.0])


async def test_a_bad_reload_keeps_the_clusters(tmp_path: Path, plane: SimulatedControlPlane) -> None:
    async with watching(write_settings(tmp_path, simulated(plane))) as exporter:
        await exporter.until(everything_is_up)
        write_settings(tmp_path, "{name: other, kubeconfig: ./absent}")
        with pytest.raises(ConfigError, match="there is no file"):
            exporter.server.reload()
        scrape = await exporter.scrape()
        assert everything_is_up(scrape)
        assert scrape.values(catalogue.CONFIG_RELOAD_SUCCESSFUL) == [0.0]
        assert scrape.values(catalogue.WATCH_CRASHES) == []


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_fault_of_our_own_is_logged_counted_and_survived_and_shows_no_secret(
    plane: SimulatedControlPlane, log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    token = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    ticks = iter([None])

    def broken_once() -> float:
        """A clock that fails at the first look, with a secret beside it."""
        secret = token
        return time.time() if next(ticks, secret) is not None else float("no time")

    log.configure("info", log_format)
    registry = CollectorRegistry()
    (cluster,) = default_plan(plane.kubeconfig, {}).clusters
    timing = Timing.model_construct(interval=INTERVAL, refresh=INTERVAL)
    watch = Watch(cluster, timing, Watching(), counter(catalogue.WATCH_CRASHES, registry), broken_once)
    watch.start()
    try:
        for _ in range(200):
            await asyncio.sleep(0.05)
            if len(watch.state.endpoints) == 3 and watch.state.first_round_is_over:
                break
    finally:
        await watch.stop()
    assert watch.state.first_round_is_over
    sample = registry.get_sample_value("tapwatch_watch_crashes_total", {"cluster": "simulated", "loop": "probe"})
    assert sample == 1.0
    written = capsys.readouterr().err
    assert "watch.crashed" in written
    assert "no time" in written
    assert token not in written
