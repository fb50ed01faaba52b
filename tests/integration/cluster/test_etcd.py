"""etcd asked directly: a real member with client certificates, healthy, hung, dead, and out of space."""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from exporters.cluster.etcd import Etcd, open_etcd
from exporters.cluster.settings import EtcdSettings, Timing
from laboratory.kubernetes.certificates import Authority
from laboratory.programs.gotools import ensure
from laboratory.servers.daemon import Daemon, free_port
from tapwatch import catalogue
from tapwatch.catalogue import Metric
from tests.integration.cluster.misbehaving import say, serving

pytestmark = pytest.mark.compiled

TIMING = Timing.model_construct(connect_timeout=1.0, timeout=5.0)


@dataclass(frozen=True)
class Member:
    """A running member and the certificates that it takes."""

    daemon: Daemon
    url: str
    pki: Path

    def settings(self, client: str = "client") -> EtcdSettings:
        """With one of the client certificates."""
        return EtcdSettings.model_construct(
            endpoints=(self.url,),
            ca_file=self.pki / "ca.crt",
            certificate_file=self.pki / f"{client}.crt",
            key_file=self.pki / f"{client}.key",
        )


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    folder = tmp_path_factory.mktemp("etcd")
    authority, stranger = Authority.create("etcd-tests"), Authority.create("strangers")
    authority.write(folder, "ca")
    authority.peer("etcd", ["127.0.0.1"]).write(folder, "server")
    authority.client("tapwatch").write(folder, "client")
    stranger.client("tapwatch").write(folder, "stranger")
    url, peer = f"https://127.0.0.1:{free_port()}", "http://127.0.0.1:0"
    command: list[str | Path] = [
        ensure("etcd"),
        "--name=etcd",
        f"--data-dir={folder / 'data'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=etcd={peer}",
        f"--cert-file={folder / 'server.crt'}",
        f"--key-file={folder / 'server.key'}",
        f"--trusted-ca-file={folder / 'ca.crt'}",
        "--client-cert-auth",
        "--unsafe-no-fsync",
    ]
    daemon = Daemon("etcd", command, folder / "etcd.log")
    try:
        yield Member(daemon, url, folder)
    finally:
        daemon.stop()


class Told:
    """What one round of questions made known."""

    def __init__(self, etcd: Etcd) -> None:
        self._samples = list(etcd.samples())

    def values(self, metric: Metric) -> list[float]:
        """Of every series."""
        return [sample.value for sample in self._samples if sample.metric is metric]

    def labels(self, metric: Metric) -> list[str]:
        """Those after the endpoint's, of every series."""
        return [sample.labels[1] for sample in self._samples if sample.metric is metric]


async def asked(settings: EtcdSettings, timing: Timing = TIMING) -> Told:
    async with open_etcd(settings, timing) as etcd:
        await etcd.step(settings.endpoints[0])
        return Told(etcd)


async def asked_when_up(member: Member) -> Told:
    for _ in range(300):
        told = await asked(member.settings())
        if told.values(catalogue.CONTROLPLANE_ETCD_UP) == [1.0]:
            return told
        await asyncio.sleep(0.1)
    raise AssertionError(member.daemon.log_end())


async def test_a_healthy_member_tells_leader_members_and_size(member: Member) -> None:
    told = await asked_when_up(member)
    assert told.values(catalogue.CONTROLPLANE_ETCD_HAS_LEADER) == [1.0]
    assert told.values(catalogue.CONTROLPLANE_ETCD_IS_LEADER) == [1.0]
    assert told.values(catalogue.CONTROLPLANE_ETCD_MEMBERS) == [1.0]
    assert told.labels(catalogue.CONTROLPLANE_ETCD_VERSION)[0].startswith("3.")
    (size,) = told.values(catalogue.CONTROLPLANE_ETCD_DATABASE)
    (in_use,) = told.values(catalogue.CONTROLPLANE_ETCD_IN_USE)
    assert size >= in_use > 0
    assert told.values(catalogue.CONTROLPLANE_ETCD_INDEX)[0] > 0
    assert told.values(catalogue.CONTROLPLANE_ETCD_TERM)[0] > 0
    assert told.values(catalogue.CONTROLPLANE_ETCD_ALARM) == []
    assert 0 < told.values(catalogue.CONTROLPLANE_ETCD_SECONDS)[0] < TIMING.timeout


async def test_a_member_out_of_space_is_unhealthy_and_has_its_alarm(member: Member) -> None:
    await asked_when_up(member)
    await alarm(member, "ACTIVATE")
    try:
        told = await asked(member.settings())
        assert told.labels(catalogue.CONTROLPLANE_ETCD_ALARM) == ["NOSPACE"]
        assert told.labels(catalogue.CONTROLPLANE_ETCD_FAILURE) == ["unhealthy"]
        assert told.values(catalogue.CONTROLPLANE_ETCD_MEMBERS) == [1.0]
    finally:
        await alarm(member, "DEACTIVATE")
    assert (await asked(member.settings())).values(catalogue.CONTROLPLANE_ETCD_UP) == [1.0]


async def alarm(member: Member, action: str) -> None:
    """Raise, or clear, what etcd raises itself when its database reaches its quota."""
    tls = ssl.create_default_context(cafile=member.pki / "ca.crt")
    tls.load_cert_chain(member.pki / "client.crt", member.pki / "client.key")
    body = {"action": action, "memberID": 0, "alarm": "NOSPACE"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{member.url}/v3/maintenance/alarm", json=body, ssl=tls) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_a_member_that_hangs_is_down_in_time(member: Member) -> None:
    await asked_when_up(member)
    member.daemon.pause()
    try:
        told = await asked(member.settings(), Timing.model_construct(connect_timeout=0.3, timeout=0.6))
    finally:
        member.daemon.resume()
    assert told.labels(catalogue.CONTROLPLANE_ETCD_FAILURE) == ["timeout"]
    assert told.values(catalogue.CONTROLPLANE_ETCD_UP) == [0.0]
    assert told.values(catalogue.CONTROLPLANE_ETCD_DATABASE) == []


async def test_a_certificate_that_it_does_not_take_is_told(member: Member) -> None:
    await asked_when_up(member)
    told = await asked(member.settings("stranger"))
    # Its alert may be lost, as the connection is closed right behind it.
    assert told.labels(catalogue.CONTROLPLANE_ETCD_FAILURE)[0] in {"tls", "disconnect"}


async def test_certificates_that_are_missing_or_do_not_fit_are_told(member: Member) -> None:
    settings = member.settings()
    for changed in ({"ca_file": member.pki / "absent"}, {"key_file": member.pki / "server.key"}):
        told = await asked(settings.model_copy(update=changed))
        assert told.labels(catalogue.CONTROLPLANE_ETCD_FAILURE) == ["credentials"]


async def test_what_is_no_etcd_is_told() -> None:
    with serving(say("200 OK", "<html>")) as server:
        told = await asked(EtcdSettings.model_construct(endpoints=(server.url,)))
    assert told.labels(catalogue.CONTROLPLANE_ETCD_FAILURE) == ["garbled"]
