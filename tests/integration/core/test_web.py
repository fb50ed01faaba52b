"""The web server that every process shares, over real sockets."""

import asyncio
import base64
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import bcrypt
import pytest
import trustme
from aiohttp import web

from tapwatch.errors import ConfigError, Fault, TapwatchError
from tapwatch.web import Address, Server, Service, free_port, own_registry
from tapwatch.webconfig import WebGate

ANYWHERE = Address("127.0.0.1", 0)
HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()


class Example:
    """A service whose settings and readiness a test can turn."""

    def __init__(self) -> None:
        self.reloads = 0
        self.broken = False
        self.missing: str | None = None
        self.release = asyncio.Event()
        self.left = False

    def reload(self) -> None:
        if self.broken:
            raise ConfigError([Fault("settings.yaml", 3, "robots.ops", "is missing")])
        self.reloads += 1

    async def slow(self, _request: web.Request) -> web.Response:
        await self.release.wait()
        return web.Response(text="late but whole")

    async def crash(self, _request: web.Request) -> web.Response:
        raise RuntimeError("secret detail")

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        yield
        self.left = True

    @property
    def service(self) -> Service:
        return Service(
            name="example",
            routes=[web.get("/slow", self.slow), web.get("/crash", self.crash)],
            registry=own_registry(),
            reload=self.reload,
            readiness=lambda: self.missing,
            background=self.background,
        )


@asynccontextmanager
async def serving(example: Example, gate: WebGate) -> AsyncIterator[tuple[Server, str]]:
    server = Server(example.service, gate)
    async with server.running(ANYWHERE) as address:
        yield server, f"http{'s' if gate.ssl_context else ''}://localhost:{address.port}"


async def fetch(url: str, method: str = "GET", **options: object) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
        session.request(method, url, **options) as response,  # type: ignore[arg-type]  # passed through
    ):
        return response.status, await response.text()


async def test_a_process_says_that_it_is_healthy_and_ready() -> None:
    async with serving(Example(), WebGate(None)) as (_, url):
        assert await fetch(f"{url}/-/healthy") == (200, "tapwatch example is healthy.\n")
        assert await fetch(f"{url}/-/ready") == (200, "tapwatch example is ready.\n")


async def test_a_process_that_waits_for_something_says_for_what() -> None:
    example = Example()
    example.missing = "the first round is not over"
    async with serving(example, WebGate(None)) as (_, url):
        status, text = await fetch(f"{url}/-/ready")
    assert (status, text) == (503, "tapwatch example is not ready: the first round is not over.\n")


async def test_a_draining_process_is_not_ready_but_healthy() -> None:
    async with serving(Example(), WebGate(None)) as (server, url):
        server.drain()
        assert (await fetch(f"{url}/-/ready"))[0] == 503
        assert (await fetch(f"{url}/-/healthy"))[0] == 200


async def test_a_request_in_flight_is_answered_before_the_process_ends() -> None:
    example = Example()
    async with serving(example, WebGate(None)) as (_, url):
        request = asyncio.create_task(fetch(f"{url}/slow"))
        await asyncio.sleep(0.1)
        asyncio.get_running_loop().call_later(0.2, example.release.set)
    assert await request == (200, "late but whole")
    assert example.left


async def test_metrics_count_requests_by_path_and_code() -> None:
    async with serving(Example(), WebGate(None)) as (_, url):
        await fetch(f"{url}/-/healthy")
        await fetch(f"{url}/no/such/path/of/a/scanner")
        await fetch(f"{url}/crash")
        _, text = await fetch(f"{url}/metrics")
    assert 'tapwatch_http_requests_total{code="200",path="/-/healthy"} 1.0' in text
    assert 'tapwatch_http_requests_total{code="404",path="unknown"} 1.0' in text
    assert 'tapwatch_http_requests_total{code="500",path="/crash"} 1.0' in text
    assert "tapwatch_build_info{" in text
    assert "process_cpu_seconds_total" in text


async def test_metrics_are_openmetrics_for_those_who_ask() -> None:
    async with serving(Example(), WebGate(None)) as (_, url):
        headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
        _, text = await fetch(f"{url}/metrics", headers=headers)
    assert text.endswith("# EOF\n")


async def test_a_crash_shows_nothing_of_the_inside() -> None:
    async with serving(Example(), WebGate(None)) as (_, url):
        status, text = await fetch(f"{url}/crash")
    assert status == 500
    assert "secret detail" not in text


async def test_a_good_reload_is_done_and_counted() -> None:
    example = Example()
    async with serving(example, WebGate(None)) as (_, url):
        assert await fetch(f"{url}/-/reload", "POST") == (200, "The settings were read again.\n")
        _, metrics = await fetch(f"{url}/metrics")
    assert example.reloads == 1
    assert "tapwatch_config_last_reload_successful 1.0" in metrics


async def test_a_bad_reload_keeps_the_old_settings_and_says_why() -> None:
    example = Example()
    example.broken = True
    async with serving(example, WebGate(None)) as (_, url):
        status, text = await fetch(f"{url}/-/reload", "POST")
        _, metrics = await fetch(f"{url}/metrics")
        example.broken = False
        await fetch(f"{url}/-/reload", "POST")
        _, after = await fetch(f"{url}/metrics")
    assert (status, text) == (500, "The old settings keep running:\nsettings.yaml:3: robots.ops: is missing\n")
    assert "tapwatch_config_last_reload_successful 0.0" in metrics
    assert "tapwatch_config_last_reload_successful 1.0" in after


async def test_a_reload_is_only_taken_as_a_post() -> None:
    async with serving(Example(), WebGate(None)) as (_, url):
        assert (await fetch(f"{url}/-/reload"))[0] == 405


async def test_a_taken_port_is_told_with_its_address() -> None:
    async with serving(Example(), WebGate(None)) as (_, url):
        port = int(url.rpartition(":")[2])
        with pytest.raises(TapwatchError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with Server(Example().service, WebGate(None)).running(Address("127.0.0.1", port)):
                pass


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def write_web_config(folder: Path, text: str) -> Path:
    file = folder / "web.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    return authority


TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"


async def test_tls_and_basic_authentication_are_asked_for(tmp_path: Path, authority: trustme.CA) -> None:
    gate = WebGate(write_web_config(tmp_path, f"{TLS}basic_auth_users: {{prom: '{HASH}'}}\n"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with serving(Example(), gate) as (_, url):
        good, wrong = basic("prom", "correct horse"), basic("prom", "battery")
        assert (await fetch(f"{url}/metrics", ssl=context))[0] == 401
        assert (await fetch(f"{url}/metrics", ssl=context, headers=wrong))[0] == 401
        assert (await fetch(f"{url}/metrics", ssl=context, headers=basic("nobody", "correct horse")))[0] == 401
        assert (await fetch(f"{url}/metrics", ssl=context, headers=good))[0] == 200
        assert (await fetch(f"{url}/metrics", ssl=context, headers=good))[0] == 200
        for header in ("Basic !!!", "Basic", "Bearer abc", "Basic /w=="):
            assert (await fetch(f"{url}/metrics", ssl=context, headers={"Authorization": header}))[0] == 401


async def test_a_client_certificate_is_required_where_the_file_says_so(tmp_path: Path, authority: trustme.CA) -> None:
    text = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt"
    gate = WebGate(
        write_web_config(tmp_path, f"tls_server_config: {{cert_file: server.crt, key_file: server.key, {text}}}\n")
    )
    bare, known = ssl.create_default_context(), ssl.create_default_context()
    for context in (bare, known):
        authority.configure_trust(context)
    authority.issue_cert("prometheus").configure_cert(known)
    async with serving(Example(), gate) as (_, url):
        assert (await fetch(f"{url}/metrics", ssl=known))[0] == 200
        with pytest.raises(aiohttp.ClientError):
            await fetch(f"{url}/metrics", ssl=bare)


@pytest.mark.usefixtures("authority")
async def test_a_renewed_certificate_is_served_after_a_reload(tmp_path: Path) -> None:
    gate = WebGate(write_web_config(tmp_path, TLS))
    renewed = trustme.CA()
    context = ssl.create_default_context()
    renewed.configure_trust(context)
    async with serving(Example(), gate) as (server, url):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await fetch(f"{url}/metrics", ssl=context)
        certificate = renewed.issue_cert("localhost")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
        certificate.private_key_pem.write_to_path(tmp_path / "server.key")
        server.reload()
        assert (await fetch(f"{url}/metrics", ssl=context))[0] == 200


async def test_a_broken_certificate_at_reload_keeps_the_old_one(tmp_path: Path, authority: trustme.CA) -> None:
    gate = WebGate(write_web_config(tmp_path, TLS))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with serving(Example(), gate) as (server, url):
        (tmp_path / "server.crt").write_text("not a certificate", encoding="utf-8")
        with pytest.raises(ConfigError, match="certificates cannot be used"):
            server.reload()
        assert (await fetch(f"{url}/metrics", ssl=context))[0] == 200


async def test_a_withdrawn_password_is_refused_after_a_reload(tmp_path: Path) -> None:
    file = write_web_config(tmp_path, f"basic_auth_users: {{prom: '{HASH}'}}\n")
    async with serving(Example(), WebGate(file)) as (server, url):
        good = basic("prom", "correct horse")
        assert (await fetch(f"{url}/metrics", headers=good))[0] == 200
        other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
        write_web_config(tmp_path, f"basic_auth_users: {{prom: '{other}'}}\n")
        server.reload()
        assert (await fetch(f"{url}/metrics", headers=good))[0] == 401


async def test_the_service_manager_is_told_when_a_process_listens_and_when_it_ends(tmp_path: Path) -> None:
    channel = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(channel))
        manager.settimeout(30)
        port = free_port()
        command = [sys.executable, "-m", "tapwatch", "dispenser-exporter", f"--web.listen-address=127.0.0.1:{port}"]
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | {"NOTIFY_SOCKET": str(channel)})
        assert await asyncio.to_thread(manager.recv, 100) == b"READY=1"
        assert await fetch(f"http://127.0.0.1:{port}/-/ready") == (200, "tapwatch dispenser-exporter is ready.\n")
        process.terminate()
        assert await asyncio.to_thread(manager.recv, 100) == b"STOPPING=1"
        assert await process.wait() == 0
