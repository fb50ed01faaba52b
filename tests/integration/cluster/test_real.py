"""The exporter on real API servers with etcd: killed, paused, cut from etcd, asked with wrong credentials."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme
import yaml

from exporters.cluster.health import parse_checks
from exporters.cluster.simulator.server import CHECKS
from laboratory.kubernetes.controlplane import ControlPlane
from laboratory.kubernetes.kubeconfig import token_user, write_kubeconfig
from tapwatch import catalogue
from tests.integration.cluster.objects import create, grant_our_rights
from tests.integration.cluster.watching import Scrape, Watching, watching

pytestmark = [pytest.mark.timeout(300), pytest.mark.compiled]

UP, FAILURE, CHECK = (
    catalogue.CONTROLPLANE_ENDPOINT_UP,
    catalogue.CONTROLPLANE_ENDPOINT_FAILURE,
    catalogue.CONTROLPLANE_CHECK,
)
INTERVAL = 1.0
SLACK = 5.0
"""The design grants 1 s beyond one interval; the rest is for a machine that builds at the same time."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane.start(tmp_path_factory.mktemp("plane") / "real", replicas=2) as plane:
        yield plane


def write_settings(folder: Path, *clusters: Mapping[str, object]) -> Path:
    file = folder / "clusters.yaml"
    timing = {"interval": "1s", "connect_timeout": "900ms", "timeout": "30s", "refresh": "1s"}
    file.write_text(yaml.safe_dump({**timing, "clusters": [dict(one) for one in clusters]}))
    return file


def named(plane: ControlPlane, name: str = "real", kubeconfig: Path | None = None) -> dict[str, object]:
    """A cluster whose replicas the settings name: no loopback address may stand in a real EndpointSlice."""
    endpoints = [replica.url for replica in plane.replicas]
    return {"name": name, "kubeconfig": str(kubeconfig or plane.kubeconfig), "endpoints": endpoints}


async def all_up(exporter: Watching) -> Scrape:
    return await exporter.until(lambda scrape: scrape.values(UP) == [1.0, 1.0, 1.0], 20)


async def test_both_replicas_and_the_address_are_up_with_version_and_checks(
    tmp_path: Path, plane: ControlPlane
) -> None:
    async with watching(write_settings(tmp_path, named(plane))) as exporter:
        scrape = await all_up(exporter)
    real = json.loads(plane.replicas[0].ask("GET", "/version").body)["gitVersion"]
    assert scrape.labels(catalogue.CONTROLPLANE_VERSION, "git_version") == [real] * 3
    assert real.startswith("v1.")
    for path in ("/livez", "/readyz"):
        told = parse_checks(plane.replicas[0].ask("GET", f"{path}?verbose").text)
        found = scrape.labels(CHECK, "check", path=path, endpoint=plane.replicas[0].url, role="replica")
        assert found == list(told)
        assert "etcd" in found


async def test_a_killed_api_server_is_seen_in_time(tmp_path: Path, plane: ControlPlane) -> None:
    dead, alive = plane.replicas[1], plane.replicas[0]
    async with watching(write_settings(tmp_path, named(plane))) as exporter:
        await all_up(exporter)
        dead.kill()
        try:
            scrape = await exporter.until(
                lambda scrape: scrape.values(UP, endpoint=dead.url) == [0.0], INTERVAL + SLACK
            )
            assert scrape.labels(FAILURE, "reason", endpoint=dead.url) == ["connect"]
            assert scrape.values(UP, endpoint=alive.url, role="replica") == [1.0]
            assert scrape.labels(catalogue.CONTROLPLANE_VERSION, "git_version", endpoint=dead.url) == []
        finally:
            await asyncio.to_thread(dead.restart)
        await all_up(exporter)


async def test_a_paused_api_server_is_seen_in_time(tmp_path: Path, plane: ControlPlane) -> None:
    hung, alive = plane.replicas[1], plane.replicas[0]
    async with watching(write_settings(tmp_path, named(plane))) as exporter:
        await all_up(exporter)
        hung.pause()
        try:
            scrape = await exporter.until(
                lambda scrape: scrape.values(UP, endpoint=hung.url) == [0.0], INTERVAL + SLACK
            )
            assert scrape.labels(FAILURE, "reason", endpoint=hung.url) == ["timeout"]
            assert scrape.values(UP, endpoint=alive.url, role="replica") == [1.0]
        finally:
            hung.resume()
        await all_up(exporter)


async def test_etcd_that_hangs_is_named_as_the_check_that_fails(tmp_path: Path, plane: ControlPlane) -> None:
    replica = {"endpoint": plane.replicas[0].url, "role": "replica"}
    ready = {**replica, "path": "/readyz"}
    async with watching(write_settings(tmp_path, named(plane))) as exporter:
        await all_up(exporter)
        plane.etcd.pause()
        try:
            scrape = await exporter.until(lambda scrape: scrape.values(CHECK, check="etcd", **ready) == [0.0], 20)
        finally:
            plane.etcd.resume()
        assert scrape.values(UP, **replica) == [0.0]
        assert scrape.values(CHECK, check="ping", **ready) == [1.0]
        await all_up(exporter)


async def test_wrong_credentials_and_a_wrong_authority_are_told_apart(tmp_path: Path, plane: ControlPlane) -> None:
    server = plane.replicas[0].url
    pem = plane.authority.certificate_pem
    stranger = trustme.CA().cert_pem.bytes()
    bad_token = write_kubeconfig(tmp_path / "bad-token", server, pem, "tester", token_user("hunter2"))
    bad_authority = write_kubeconfig(tmp_path / "bad-authority", server, stranger, "tester", token_user("hunter2"))
    clusters = (
        named(plane),
        {"name": "bad-token", "kubeconfig": str(bad_token)},
        {"name": "bad-authority", "kubeconfig": str(bad_authority)},
    )
    async with watching(write_settings(tmp_path, *clusters)) as exporter:
        scrape = await exporter.until(lambda scrape: len(scrape.values(UP)) == 5, 20)
    assert scrape.values(UP, cluster="real") == [1.0, 1.0, 1.0]
    for cluster, reason in (("bad-token", "unauthorized"), ("bad-authority", "tls")):
        assert scrape.labels(FAILURE, "reason", cluster=cluster) == [reason]
        assert scrape.labels(catalogue.CONTROLPLANE_DISCOVERY_FAILURE, "reason", cluster=cluster) == [reason]
    assert "hunter2" not in scrape.text


async def test_replicas_are_discovered_as_soon_as_it_is_allowed(tmp_path: Path, plane: ControlPlane) -> None:
    """A service account's token: first without rights, then with those of the manifest that we ship."""
    kubeconfig = await asyncio.to_thread(plane.token_kubeconfig, "stranger")
    async with watching(write_settings(tmp_path, {"name": "real", "kubeconfig": str(kubeconfig)})) as exporter:
        refused = await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == [0.0], 20)
        assert refused.labels(catalogue.CONTROLPLANE_DISCOVERY_FAILURE, "reason") == ["forbidden"]
        await exporter.until(lambda scrape: scrape.values(UP, role="address") == [1.0])
        await asyncio.to_thread(create, plane, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", SLICE)
        await asyncio.to_thread(grant_our_rights, plane, "default", "stranger")
        found = await exporter.until(lambda scrape: len(scrape.values(UP, role="replica")) == 2, 20)
    assert found.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == [1.0]
    assert found.labels(UP, "endpoint", role="replica") == ["https://192.0.2.11:6443", "https://192.0.2.12:6443"]
    assert found.values(UP, role="replica") == [0.0, 0.0]


async def test_a_cluster_is_watched_by_its_server_token_and_authority_and_replicas_are_found_by_dns(
    tmp_path: Path, plane: ControlPlane
) -> None:
    kubeconfig = yaml.safe_load((await asyncio.to_thread(plane.token_kubeconfig, "by-token")).read_text())
    (tmp_path / "token").write_text(kubeconfig["users"][0]["user"]["token"])
    (tmp_path / "ca.crt").write_bytes(plane.authority.certificate_pem)
    replica = plane.replicas[0]
    cluster = {
        "name": "real",
        "server": replica.url,
        "token_file": "token",
        "ca_file": "ca.crt",
        "tls_server_name": "kubernetes",
        "endpoints_dns": f"https://localhost:{replica.port}",
    }
    async with watching(write_settings(tmp_path, cluster)) as exporter:
        await exporter.until(lambda scrape: scrape.values(UP, endpoint=replica.url) == [1.0, 1.0], 20)
        await exporter.until(lambda scrape: scrape.values(catalogue.CONTROLPLANE_DISCOVERY_UP) == [1.0], 20)
        (tmp_path / "token").write_text("expired")
        refused = await exporter.until(lambda scrape: scrape.values(UP, endpoint=replica.url) == [0.0, 0.0], 20)
    assert refused.labels(FAILURE, "reason", endpoint=replica.url) == ["unauthorized", "unauthorized"]


SLICE = {
    "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["192.0.2.11"]}, {"addresses": ["192.0.2.12"]}],
    "ports": [{"name": "https", "port": 6443}],
}
"""What API servers write themselves where their addresses are no loopback ones (RFC 5737's, nobody's)."""


def test_the_simulated_api_server_has_the_checks_of_a_real_one(plane: ControlPlane) -> None:
    for path, checks in CHECKS.items():
        assert tuple(parse_checks(plane.replicas[0].ask("GET", f"/{path}?verbose").text)) == checks
