"""The official client: credentials as they change, and lists of replicas from servers good and bad."""

import asyncio
import base64
import json
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from yarl import URL

from exporters.cluster.access import ApiAccess
from exporters.cluster.kubeconfig import read_target
from exporters.cluster.settings import default_plan
from laboratory.kubernetes.kubeconfig import token_user, write_kubeconfig
from tapwatch import __version__
from tapwatch.errors import PollError
from tests.integration.cluster.misbehaving import Answer, say, say_raw, server_context, serving, stay_silent

AUTHORITY = trustme.CA()
SERVER = "https://127.0.0.1:6443"

PLUGIN = """#!/bin/sh
echo run >> runs
cat credential.json
"""
CREDENTIAL = '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}}}'


def access_to(folder: Path, user: Mapping[str, Any], server: str = SERVER, **cluster: str) -> ApiAccess:
    file = write_kubeconfig(folder / "kubeconfig", server, AUTHORITY.cert_pem.bytes(), "tester", user)
    if cluster:
        lines = "".join(f"    {key.replace('_', '-')}: {value}\n" for key, value in cluster.items())
        file.write_text(file.read_text().replace(f"    server: {server}\n", f"    server: {server}\n{lines}"))
    return ApiAccess(read_target([file], None))


def access_by_plugin(folder: Path, status: str) -> ApiAccess:
    (folder / "credential.json").write_text(CREDENTIAL.format(status=status))
    (folder / "plugin").write_text(PLUGIN)
    (folder / "plugin").chmod(0o755)
    plugin = {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1"}
    return access_to(folder, {"exec": plugin})


def bearer(access: ApiAccess, *, rejected: bool = False) -> str | None:
    authorization = access.renew(rejected=rejected).authorization
    return None if authorization is None else authorization.get_secret_value()


def test_a_token_is_read_and_shown_to_nobody(tmp_path: Path) -> None:
    access = access_to(tmp_path, token_user("hunter2"))
    assert bearer(access) == "Bearer hunter2"
    assert "hunter2" not in repr(access.renew())


def test_a_token_file_is_read_again_each_time(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    access = access_to(tmp_path, {"tokenFile": "token"})
    assert bearer(access) == "Bearer first"
    (tmp_path / "token").write_text("second\n")
    assert bearer(access) == "Bearer second"


def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\nsecond line\n")
    with pytest.raises(PollError, match="no header can carry") as caught:
        access_to(tmp_path, {"tokenFile": "token"}).renew()
    assert "hunter2" not in str(caught.value)
    assert caught.value.reason == "credentials"


def test_a_token_is_not_used_over_plain_http(tmp_path: Path) -> None:
    assert bearer(access_to(tmp_path, token_user("hunter2"), "http://127.0.0.1:8001")) is None


def test_a_plugin_is_called_once_and_again_when_its_credential_is_rejected(tmp_path: Path) -> None:
    access = access_by_plugin(tmp_path, '{"token": "first"}')
    assert [bearer(access), bearer(access)] == ["Bearer first", "Bearer first"]
    assert (tmp_path / "runs").read_text() == "run\n"
    (tmp_path / "credential.json").write_text(CREDENTIAL.format(status='{"token": "second"}'))
    assert bearer(access, rejected=True) == "Bearer second"


def test_a_plugin_is_called_again_when_its_credential_expires(tmp_path: Path) -> None:
    access = access_by_plugin(tmp_path, '{"token": "first", "expirationTimestamp": "2020-01-01T00:00:00Z"}')
    bearer(access)
    (tmp_path / "credential.json").write_text(CREDENTIAL.format(status='{"token": "second"}'))
    assert bearer(access) == "Bearer second"


def test_a_plugin_that_failed_is_called_again(tmp_path: Path) -> None:
    access = access_by_plugin(tmp_path, "{}")
    with pytest.raises(PollError):
        access.renew()
    (tmp_path / "credential.json").write_text(CREDENTIAL.format(status='{"token": "second"}'))
    assert bearer(access) == "Bearer second"


@pytest.mark.parametrize("status", ["{}", "not JSON"])
def test_a_plugin_that_gives_nothing_useful_is_told(tmp_path: Path, status: str) -> None:
    with pytest.raises(PollError, match=r"the credential plugin '\./plugin' gave no credentials") as caught:
        access_by_plugin(tmp_path, status).renew()
    assert caught.value.reason == "credentials"


def test_a_kubeconfig_that_breaks_while_it_is_used_is_told(tmp_path: Path) -> None:
    access = access_to(tmp_path, token_user("hunter2"))
    for broken in ("users: [", "users: {token: hunter2}", "current-context: 7"):
        (tmp_path / "kubeconfig").write_text(broken)
        with pytest.raises(PollError, match="the credentials of context 'tester' cannot be read") as caught:
            access.renew()
        assert "hunter2" not in str(caught.value)


def test_a_client_key_that_is_not_the_certificates_is_told(tmp_path: Path) -> None:
    one, other = AUTHORITY.issue_cert("one"), AUTHORITY.issue_cert("other")
    one.cert_chain_pems[0].write_to_path(str(tmp_path / "one.crt"))
    other.private_key_pem.write_to_path(str(tmp_path / "other.key"))
    with pytest.raises(PollError, match="cannot be used") as caught:
        access_to(tmp_path, {"client-certificate": "one.crt", "client-key": "other.key"}).renew()
    assert caught.value.reason == "credentials"


def test_a_plugin_that_is_not_installed_is_told_until_it_is(tmp_path: Path) -> None:
    access = access_by_plugin(tmp_path, '{"token": "first"}')
    (tmp_path / "plugin").chmod(0o644)
    with pytest.raises(
        PollError, match=r"the credential plugin '\./plugin' is not installed, or not on PATH\."
    ) as caught:
        access.renew()
    assert caught.value.reason == "credentials"
    (tmp_path / "plugin").chmod(0o755)
    assert bearer(access) == "Bearer first"


def id_token(**claims: object) -> str:
    """A token of OpenID Connect, signed by nobody: whether it is good is for the API server to say."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


def oidc_user(token: str, issuer: str) -> dict[str, Any]:
    names = {"id-token": token, "idp-issuer-url": issuer, "client-id": "tapwatch", "refresh-token": "hunter2"}
    return {"auth-provider": {"name": "oidc", "config": names}}


def test_an_auth_providers_token_is_used_while_it_is_valid(tmp_path: Path) -> None:
    token = id_token(exp=time.time() + 3600)
    assert bearer(access_to(tmp_path, oidc_user(token, "https://127.0.0.1:1"))) == f"Bearer {token}"


def test_an_auth_provider_that_renews_no_token_is_told_and_shows_no_secret(tmp_path: Path) -> None:
    """The issuer cannot be reached; the old token is not sent as if it were good."""
    token = id_token(exp=time.time() - 3600)
    with pytest.raises(PollError) as caught:
        access_to(tmp_path, oidc_user(token, "https://127.0.0.1:1")).renew()
    assert caught.value.reason == "credentials"
    assert "hunter2" not in str(caught.value)
    assert token not in str(caught.value)


def in_pod(folder: Path, token: str) -> ApiAccess:
    """What a pod is given, in files that the kubelet renews."""
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(AUTHORITY.cert_pem.bytes())
    environment = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "KUBECONFIG": f"{folder}/absent",
    }
    (cluster,) = default_plan(None, environment, service_account=folder).clusters
    return ApiAccess(cluster.target)


def test_a_pods_token_is_read_again_each_time_and_shown_to_nobody(tmp_path: Path) -> None:
    access = in_pod(tmp_path, "first")
    assert bearer(access) == "Bearer first"
    (tmp_path / "token").write_text("hunter2\n")
    assert bearer(access) == "Bearer hunter2"
    assert "hunter2" not in repr(access.renew())


async def test_a_pods_access_lists_the_replicas(tmp_path: Path) -> None:
    access = in_pod(tmp_path, "hunter2")
    with serving(say("200 OK", SLICES, "Content-Type: application/json"), server_context(AUTHORITY)) as server:
        await asyncio.to_thread(access.renew)
        assert len(await asyncio.to_thread(access.list_replicas, server.url, 2, 2)) == 3
    assert "\r\nauthorization: bearer hunter2\r\n" in server.requests[0].lower()


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_a_pod_without_a_token_is_told(tmp_path: Path, content: str | None) -> None:
    access = in_pod(tmp_path, "first")
    (tmp_path / "token").unlink() if content is None else (tmp_path / "token").write_text(content)
    with pytest.raises(PollError, match="token") as caught:
        access.renew()
    assert caught.value.reason == "credentials"


def test_when_the_client_certificate_expires_is_known(tmp_path: Path) -> None:
    expires = datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)
    one = AUTHORITY.issue_cert("tapwatch", not_after=expires)
    (tmp_path / "one.crt").write_bytes(b"a text before\n" + one.cert_chain_pems[0].bytes())
    one.private_key_pem.write_to_path(str(tmp_path / "one.key"))
    access = access_to(tmp_path, {"client-certificate": "one.crt", "client-key": "one.key"}).renew()
    assert access.expires == expires.timestamp()
    assert access_to(tmp_path, token_user("hunter2")).renew().expires is None


def test_certificates_are_verified_unless_the_kubeconfig_says_otherwise(tmp_path: Path) -> None:
    strict = access_to(tmp_path, token_user("hunter2"), tls_server_name="kubernetes.default.svc").renew()
    assert (strict.tls.verify_mode, strict.tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert strict.server_name == "kubernetes.default.svc"
    file = tmp_path / "kubeconfig"
    kept = [line for line in file.read_text().splitlines() if "certificate-authority-data" not in line]
    file.write_text("\n".join(kept).replace("    server:", "    insecure-skip-tls-verify: true\n    server:"))
    lax = ApiAccess(read_target([file], None)).renew()
    assert (lax.tls.verify_mode, lax.tls.check_hostname) == (ssl.CERT_NONE, False)


async def list_replicas(folder: Path, url: str, seconds: float = 2) -> tuple[str, ...]:
    access = access_to(folder, token_user("hunter2"), url)
    await asyncio.to_thread(access.renew)
    return await asyncio.to_thread(access.list_replicas, url, seconds, seconds)


SLICES = """{"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": {}, "items": [
{"metadata": {"name": "kubernetes"}, "addressType": "IPv4", "ports": [{"name": "https", "port": 6443}],
 "endpoints": [{"addresses": ["10.0.0.12"], "conditions": {"ready": false}}, {"addresses": ["10.0.0.11"]}]},
{"metadata": {"name": "kubernetes-6"}, "addressType": "IPv6", "ports": [{"name": "x", "port": 1},
 {"name": "https", "port": 6443}], "endpoints": [{"addresses": ["fd00::11"]}]},
{"metadata": {"name": "empty"}, "addressType": "IPv4", "ports": null, "endpoints": []}]}"""


async def test_replicas_are_listed_ready_or_not(tmp_path: Path) -> None:
    answer = say("200 OK", SLICES, "Content-Type: application/json")
    with serving(answer, server_context(AUTHORITY)) as server:
        listed = await list_replicas(tmp_path, server.url)
    assert listed == ("https://10.0.0.11:6443", "https://10.0.0.12:6443", "https://[fd00::11]:6443")
    (request,) = server.requests
    url = URL(request.split()[1])
    assert url.path == "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    assert dict(url.query) == {"labelSelector": "kubernetes.io/service-name=kubernetes"}
    assert "\r\nauthorization: bearer hunter2\r\n" in request.lower()
    assert f"User-Agent: tapwatch/{__version__}\r\n" in request


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say("401 Unauthorized", "{}"), "unauthorized"),
        (say("403 Forbidden", "{}"), "forbidden"),
        (say("503 Service Unavailable", "no"), "unhealthy"),
        (say("404 Not Found", "no"), "missing"),
        (say("200 OK", "<html>"), "garbled"),
        (say("200 OK", "[]", "Content-Type: application/json"), "garbled"),
        (say("200 OK", '{"items": {"a": 1}}', "Content-Type: application/json"), "garbled"),
        (say_raw(b""), "disconnect"),
        (say_raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "disconnect"),
        (stay_silent, "timeout"),
    ],
)
async def test_a_list_that_fails_says_why(tmp_path: Path, answer: Answer, reason: str) -> None:
    with serving(answer, server_context(AUTHORITY)) as server, pytest.raises(PollError) as caught:
        await list_replicas(tmp_path, server.url, 0.3)
    assert caught.value.reason == reason
    assert "hunter2" not in str(caught.value)


async def test_a_wrong_authority_a_dead_port_and_a_missing_name_are_told_apart(tmp_path: Path) -> None:
    stranger = server_context(trustme.CA())
    with serving(say("200 OK", SLICES), stranger) as server, pytest.raises(PollError) as wrong_authority:
        await list_replicas(tmp_path, server.url)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        dead = f"https://127.0.0.1:{reserved.getsockname()[1]}"
        with pytest.raises(PollError) as dead_port:
            await list_replicas(tmp_path, dead)
    with pytest.raises(PollError) as missing_name:
        await list_replicas(tmp_path, "https://no-such-host.invalid:6443")
    reasons = [caught.value.reason.value for caught in (wrong_authority, dead_port, missing_name)]
    assert reasons == ["tls", "connect", "resolve"]


async def test_a_hung_server_is_given_up_in_time(tmp_path: Path) -> None:
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as hung, pytest.raises(PollError) as caught:
        await list_replicas(tmp_path, f"https://127.0.0.1:{hung.getsockname()[1]}", 0.3)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 2
