"""The official Kubernetes client: credentials from a kubeconfig or a pod, and the replicas that a cluster lists.

The one module that imports it. All here blocks, so it is called in a thread.
"""

import binascii
import copy
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3.exceptions as http
import yaml
from aiohttp import hdrs
from kubernetes import client, config
from pydantic import SecretStr

from exporters.cluster.connection import certificate_expiry
from exporters.cluster.endpoint import replica_url
from exporters.cluster.failure import reason_of_status
from exporters.cluster.kubeconfig import Target
from tapwatch import __version__
from tapwatch.errors import PollError, PollReason
from tapwatch.settings import read_secret
from tapwatch.tls import verifying_context

_LISTING_FAILURES: tuple[tuple[type[Exception], PollReason], ...] = (
    (http.NameResolutionError, PollReason.RESOLVE),
    (http.NewConnectionError, PollReason.CONNECT),
    (http.TimeoutError, PollReason.TIMEOUT),
    (http.SSLError, PollReason.TLS),
    (http.ProtocolError, PollReason.DISCONNECT),
    (http.HTTPError, PollReason.GARBLED),
    (ValueError, PollReason.GARBLED),  # not JSON
    (TypeError, PollReason.GARBLED),  # JSON of another shape
    (AttributeError, PollReason.GARBLED),  # as above
)
_CREDENTIAL_FAILURES = (
    config.ConfigException,
    yaml.YAMLError,
    binascii.Error,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    http.HTTPError,  # of an identity provider that renews a token
)


@dataclass(frozen=True)
class Access:
    """What a request to any API server of a cluster carries."""

    tls: ssl.SSLContext = field(repr=False)
    server_name: str | None = None
    """The name that certificates must be for, when it is not the URL's."""
    authorization: SecretStr | None = None
    """The header's value, as `Bearer ...`; client certificates are in `tls`."""
    proxy: SecretStr | None = None
    """The URL of the HTTP proxy in front of the cluster, which may hold a password."""
    expires: float | None = None
    """When the client certificate does, in Unix time."""

    def request_options(self, url: str) -> dict[str, Any]:
        """What aiohttp's request takes for `url`; no secret goes over plain HTTP."""
        secret = self.authorization if url.startswith("https:") else None
        return {
            "ssl": self.tls,
            "server_hostname": self.server_name,
            "proxy": None if self.proxy is None else self.proxy.get_secret_value(),
            "headers": {} if secret is None else {hdrs.AUTHORIZATION: secret.get_secret_value()},
            "allow_redirects": False,
        }


class ApiAccess:
    """The way into one cluster."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._configuration: client.Configuration | None = None

    def renew(self, *, rejected: bool = False) -> Access:
        """Read the credentials again; raises PollError.

        A credential plugin is only called when its last credential is about to expire, or was `rejected`; files are
        read each time.
        """
        configuration = self._configuration
        if configuration is None or rejected or self._target.plugin is None:
            configuration = self._load() if self._target.files else _token_configuration(self._target)
        authorization = self._authorize(configuration)
        access = Access(
            _trust(configuration),
            configuration.tls_server_name,
            authorization,
            self._target.proxy,
            _client_certificate_expiry(configuration),
        )
        self._configuration = configuration  # only now, so that what failed is tried again
        return access

    def list_replicas(self, server: str, connect_timeout: float, timeout: float) -> tuple[str, ...]:
        """The URLs of the API servers in the EndpointSlices of the Service `kubernetes`; raises PollError.

        `server` is the URL of one that can be asked. Ready or not, as one that is not ready is the more interesting.
        The connection with TLS may take `connect_timeout` seconds, each part of the answer `timeout`.
        """
        try:
            configuration = copy.copy(self._configuration) or client.Configuration()
            configuration.host = server
            with client.ApiClient(configuration) as api:
                api.user_agent = f"tapwatch/{__version__}"
                slices = client.DiscoveryV1Api(api).list_namespaced_endpoint_slice(
                    "default",
                    label_selector="kubernetes.io/service-name=kubernetes",
                    _request_timeout=(connect_timeout, timeout),
                )
            return tuple(sorted({url for one in slices.items for url in _replica_urls(one)}))
        except client.ApiException as error:
            raise _explain(error) from error
        except tuple(kind for kind, _ in _LISTING_FAILURES) as error:
            reason = next(reason for kind, reason in _LISTING_FAILURES if isinstance(error, kind))
            raise PollError(reason, f"the replicas cannot be listed: {type(error).__name__}") from error

    def _load(self) -> client.Configuration:
        """The client's configuration from the kubeconfig; raises PollError."""
        self._require_plugin()
        configuration = client.Configuration()
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                ":".join(str(file.absolute()) for file in self._target.files),
                self._target.context,
                configuration,
                persist_config=False,  # the file is not ours to write
            )
        except _CREDENTIAL_FAILURES as error:
            # The client's message may repeat an entry of the file, secrets included, so only its kind is told.
            message = f"the credentials of context {self._target.context!r} cannot be read: {type(error).__name__}"
            raise PollError(PollReason.CREDENTIALS, message) from error
        # No proxy of the environment: the probes take none either.
        configuration.proxy = None if self._target.proxy is None else self._target.proxy.get_secret_value()
        configuration.retries = False
        if self._target.plugin is None:
            configuration.refresh_api_key_hook = None  # everything is read anew each time
        return configuration

    def _require_plugin(self) -> None:
        """Raises PollError when the credential plugin is not there, with what the kubeconfig says of installing it."""
        plugin = self._target.plugin
        if plugin is not None and not plugin.is_installed:
            message = f"the credential plugin {plugin.command!r} is not installed, or not on PATH. {plugin.hint}"
            raise PollError(PollReason.CREDENTIALS, message.strip())

    def _authorize(self, configuration: client.Configuration) -> SecretStr | None:
        """The header, safe to send, also for the client's own requests; None for none. Raises PollError."""
        if not self._target.server.startswith("https:"):
            configuration.api_key = {}  # as kubectl, which tells no secret over plain HTTP
            return None
        try:
            header = (configuration.get_api_key_with_prefix("BearerToken", "authorization") or "").strip()
        except _CREDENTIAL_FAILURES as error:
            message = f"the credentials cannot be renewed: {type(error).__name__}"
            raise PollError(PollReason.CREDENTIALS, message) from error
        if not header and self._target.plugin is not None and not configuration.cert_file:
            message = f"the credential plugin {self._target.plugin.command!r} gave no credentials"
            raise PollError(PollReason.CREDENTIALS, message)
        if not (header.isascii() and header.isprintable()):
            raise PollError(PollReason.CREDENTIALS, "the token has characters that no header can carry")
        configuration.api_key = {"authorization": header} if header else {}
        return SecretStr(header) if header else None


def _token_configuration(target: Target) -> client.Configuration:
    """The client's configuration for a server with token and CA files; raises PollError."""
    configuration = client.Configuration()
    configuration.host = target.server
    configuration.ssl_ca_cert = None if target.ca_file is None else str(target.ca_file)
    configuration.tls_server_name = target.server_name
    configuration.proxy = None
    configuration.retries = False
    if target.token_file is not None:
        try:
            token = read_secret(target.token_file).get_secret_value()
        except ValueError as error:
            raise PollError(PollReason.CREDENTIALS, str(error)) from error
        configuration.api_key = {"BearerToken": f"Bearer {token}"}
    return configuration


def _client_certificate_expiry(configuration: client.Configuration) -> float | None:
    """Unix time; None without a client certificate. Only called for one that TLS has taken."""
    if not configuration.cert_file:
        return None
    return certificate_expiry(ssl.PEM_cert_to_DER_cert(_first_certificate(Path(configuration.cert_file))))


def _first_certificate(file: Path) -> str:
    """A file may hold a chain, and text between."""
    text = file.read_text(encoding="utf-8", errors="replace")
    end = "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)]


def _trust(configuration: client.Configuration) -> ssl.SSLContext:
    """Verifies servers as client-go does, and shows the client certificate; raises PollError."""
    try:
        context = verifying_context(configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except OSError as error:  # ssl.SSLError is one
        message = "the certificates cannot be used: no file, no PEM, or key and certificate differ"
        raise PollError(PollReason.CREDENTIALS, message) from error
    # Python 3.13 asks for extensions that many clusters' own authorities do not have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _replica_urls(endpoint_slice: client.V1EndpointSlice) -> list[str]:
    ports = {port.name: port.port for port in endpoint_slice.ports or ()}
    port = ports.get("https", next(iter(ports.values()), None))
    if port is None:
        return []
    return [replica_url(address, port) for one in endpoint_slice.endpoints or () for address in one.addresses]


def _explain(error: client.ApiException) -> PollError:
    if not error.status:  # so the client reports a TLS failure
        return PollError(PollReason.TLS, "the replicas cannot be listed: TLS failed")
    return PollError(reason_of_status(error.status), f"the replicas cannot be listed: HTTP status {error.status}")
