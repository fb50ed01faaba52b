"""The prober against servers that misbehave, over real sockets: it never raises, and it always says why."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest
import trustme
from pydantic import SecretStr

from exporters.cluster.access import Access
from exporters.cluster.connection import Stages
from exporters.cluster.health import Probe
from exporters.cluster.probe import LARGEST_ANSWER_BYTES, open_prober
from exporters.cluster.settings import Timing
from tapwatch.errors import PollError, PollReason
from tests.integration.cluster.misbehaving import Answer, say, say_raw, server_context, serving, stay_silent

TIMING = Timing.model_construct(connect_timeout=0.3, timeout=0.6)
AUTHORITY = trustme.CA()
GOOD = say("200 OK", "[+]ping ok\n[+]etcd ok\nlivez check passed\n")


def trust(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


ACCESS = Access(trust(), authorization=SecretStr("Bearer hunter2"))


async def probe(url: str, access: Access | PollError = ACCESS, *, with_version: bool = False) -> Probe:
    async with open_prober(TIMING, lambda: 1_800_000_000.0) as prober:
        return await prober.probe(url, access, with_version=with_version)


def reasons(result: Probe) -> list[str | None]:
    return [None if answer.failure is None else answer.failure.reason.value for answer in result.answers]


async def probe_tls(answer: Answer) -> Probe:
    with serving(answer, server_context(AUTHORITY)) as server:
        return await probe(server.url)


async def test_a_healthy_server_is_up_with_its_checks() -> None:
    with serving(GOOD, server_context(AUTHORITY)) as server:
        result = await probe(server.url)
    assert result.failure is None
    assert result.ended == 1_800_000_000.0
    assert [(answer.path, answer.checks) for answer in result.answers] == [
        ("/livez", {"ping": True, "etcd": True}),
        ("/readyz", {"ping": True, "etcd": True}),
    ]
    assert all(0 < answer.seconds < TIMING.timeout for answer in result.answers)
    assert sorted(request.partition(" HTTP")[0] for request in server.requests) == [
        "GET /livez?verbose",
        "GET /readyz?verbose",
    ]
    assert all("Authorization: Bearer hunter2\r\n" in request for request in server.requests)


async def test_a_token_is_never_sent_without_tls() -> None:
    with serving(GOOD) as server:
        assert (await probe(server.url, with_version=True)).failure is None
    assert len(server.requests) == 3
    assert not any("hunter2" in request for request in server.requests)


async def test_a_path_in_front_of_the_api_is_kept() -> None:
    with serving(GOOD, server_context(AUTHORITY)) as server:
        await probe(f"{server.url}/k8s/clusters/c-1")
    assert server.requests[0].startswith("GET /k8s/clusters/c-1/")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say("401 Unauthorized", "{}"), "unauthorized"),
        (say("403 Forbidden", "{}"), "forbidden"),
        (say("500 Internal Server Error", "[-]etcd failed\n"), "unhealthy"),
        (say("503 Service Unavailable", "<html>no backend</html>"), "unhealthy"),
        (say("302 Found", "", "Location: https://127.0.0.1:1/login"), "garbled"),
        (say("404 Not Found"), "missing"),
        (say("200 OK", "x" * (LARGEST_ANSWER_BYTES + 1)), "garbled"),
        (say_raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "garbled"),
        (say("200 OK", "[+]ping", length=100), "disconnect"),
        (say_raw(b""), "disconnect"),
        (stay_silent, "timeout"),
    ],
    ids=[
        "401", "403", "500", "503", "redirect", "404", "too-large", "not-http", "cut-off", "closed", "silent"
    ],
)  # fmt: skip
async def test_a_server_that_misbehaves_is_down_for_its_reason(answer: Answer, reason: str) -> None:
    assert reasons(await probe_tls(answer)) == [reason, reason]


async def test_a_healthy_status_with_an_unreadable_text_is_healthy() -> None:
    result = await probe_tls(say_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe[+"))
    assert (result.failure, [answer.checks for answer in result.answers]) == (None, [{}, {}])


async def test_a_broken_connection_is_told_and_not_tried_again() -> None:
    with serving(say_raw(b""), server_context(AUTHORITY)) as server:
        assert reasons(await probe(server.url)) == ["disconnect", "disconnect"]
    assert len(server.requests) == 2


async def test_a_port_that_nobody_listens_on_refuses() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        result = await probe(f"https://127.0.0.1:{reserved.getsockname()[1]}")
    assert reasons(result) == ["connect", "connect"]
    assert str(result.failure) == "Connection refused"


async def test_a_balancer_without_servers_which_accepts_and_closes_is_told_from_a_dead_port() -> None:
    with serving(say_raw(b"")) as server:
        result = await probe(server.url.replace("http:", "https:"))
    assert reasons(result) == ["disconnect", "disconnect"]


async def test_a_name_without_an_address_is_told() -> None:
    result = await probe("https://no-such-host.invalid:6443")
    assert reasons(result) == ["resolve", "resolve"]


async def test_a_hung_server_whose_port_still_accepts_is_noticed_within_the_time_to_connect() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        started = time.monotonic()
        result = await probe(f"https://127.0.0.1:{hung.getsockname()[1]}")
    assert reasons(result) == ["timeout", "timeout"]
    assert str(result.failure) == "no connection within 0.3 s"
    assert time.monotonic() - started < TIMING.timeout


async def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    started = time.monotonic()
    result = await probe_tls(stay_silent)
    assert str(result.failure) == "no answer within 0.6 s"
    assert all(TIMING.timeout <= answer.seconds < TIMING.timeout + 0.3 for answer in result.answers)
    assert time.monotonic() - started < TIMING.timeout + 0.5


async def test_one_slow_path_does_not_hide_the_other() -> None:
    def be_slow_to_be_ready(request: str) -> bytes | None:
        return None if request.startswith("GET /readyz") else GOOD(request)

    result = await probe_tls(be_slow_to_be_ready)
    assert reasons(result) == [None, "timeout"]
    assert result.answers[0].checks == {"ping": True, "etcd": True}
    assert result.failure is result.answers[1].failure


async def test_a_certificate_of_another_authority_is_not_trusted() -> None:
    with serving(GOOD, server_context(trustme.CA())) as server:
        result = await probe(server.url)
    assert reasons(result) == ["tls", "tls"]
    assert "certificate verify failed" in str(result.failure)
    assert server.requests == []


async def test_a_certificate_for_another_name_is_only_trusted_under_the_name_that_is_asked_for() -> None:
    with serving(GOOD, server_context(AUTHORITY, "kubernetes.default.svc")) as server:
        assert reasons(await probe(server.url)) == ["tls", "tls"]
        named = Access(trust(), server_name="kubernetes.default.svc")
        assert (await probe(server.url, named)).failure is None


async def test_a_server_that_speaks_no_tls_is_told() -> None:
    with serving(say_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        with_tls = server.url.replace("http:", "https:")
        assert reasons(await probe(with_tls)) == ["tls", "tls"]


async def test_a_server_that_asks_for_a_certificate_gets_it_or_refuses() -> None:
    context = server_context(AUTHORITY)
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    known = trust()
    AUTHORITY.issue_cert("tapwatch").configure_cert(known)
    with serving(GOOD, context) as server:
        assert (await probe(server.url, Access(known))).failure is None
        assert reasons(await probe(server.url, Access(trust()))) == ["tls", "tls"]


async def test_without_access_nothing_is_asked() -> None:
    with serving(GOOD, server_context(AUTHORITY)) as server:
        result = await probe(server.url, PollError(PollReason.UNAUTHORIZED, "the credential plugin gave none"))
    assert reasons(result) == ["unauthorized", "unauthorized"]
    assert server.requests == []


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ('{"gitVersion": "v1.37.0"}', "v1.37.0"),
        ('{"gitVersion": 1}', None),
        ("[]", None),
        ("{}", None),
        ("<html>", None),
    ],
)
async def test_the_version_is_read_where_it_is_told(body: str, version: str | None) -> None:
    with serving(say("200 OK", body), server_context(AUTHORITY)) as server:
        result = await probe(server.url, with_version=True)
    assert (result.version, result.failure) == (version, None)


async def test_the_way_to_a_server_is_measured_step_by_step() -> None:
    with serving(GOOD, server_context(AUTHORITY, "localhost", "127.0.0.1")) as server:
        by_address = (await probe(server.url)).stages
        by_name = (await probe(server.url.replace("127.0.0.1", "localhost"))).stages
    assert by_address.dns is None
    assert by_name.dns is not None
    for stages in (by_address, by_name):
        assert stages.connect is not None
        assert stages.tls is not None
        assert 0 < stages.connect + stages.tls < TIMING.connect_timeout
    assert by_address.certificate_expires == by_name.certificate_expires is not None


async def test_of_a_hung_server_only_the_connection_is_measured() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        stages = (await probe(f"https://127.0.0.1:{hung.getsockname()[1]}")).stages
    assert stages.connect is not None
    assert (stages.tls, stages.certificate_expires) == (None, None)


async def test_a_certificate_that_has_expired_is_not_trusted_and_its_end_is_known() -> None:
    expired = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1", not_before=expired - timedelta(days=1), not_after=expired).configure_cert(context)
    with serving(GOOD, context) as server:
        result = await probe(server.url)
    assert reasons(result) == ["tls", "tls"]
    assert "expired" in str(result.failure)
    assert result.stages.certificate_expires == expired.timestamp()
    assert server.requests == []


async def test_a_clock_that_is_wrong_is_told_from_the_date_of_the_answers() -> None:
    late = formatdate(time.time() - 3600, usegmt=True)
    result = await probe_tls(say("200 OK", "[+]ping ok\n", f"Date: {late}"))
    assert len(result.clocks) == 2
    assert all(-3602 < clock.least <= clock.most < -3597 for clock in result.clocks)


async def test_through_a_proxy_a_server_is_probed_and_nobody_sees_the_proxys_password() -> None:
    with serving(GOOD, server_context(AUTHORITY)) as server:
        async with proxy() as (url, asked):
            secret = SecretStr(url.replace("http://", "http://me:hunter2@"))
            access = Access(trust(), authorization=SecretStr("Bearer hunter2"), proxy=secret)
            result = await probe(server.url, access)
            assert "hunter2" not in repr(access)
    assert result.failure is None
    place = server.url.removeprefix("https://")
    assert [head.splitlines()[0] for head in asked] == [f"CONNECT {place} HTTP/1.1"] * 2
    assert all("Proxy-Authorization: Basic bWU6aHVudGVyMg==" in head for head in asked)
    assert result.stages == Stages()


async def test_a_proxy_that_is_dead_is_told() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        dead = SecretStr(f"http://127.0.0.1:{reserved.getsockname()[1]}")
        result = await probe("https://192.0.2.1:6443", Access(trust(), proxy=dead))
    assert reasons(result) == ["connect", "connect"]


@asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that connects; its URL and the heads of what it was asked."""
    asked: list[str] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        host, port = head.split()[1].split(":")
        there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer), return_exceptions=True)

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
