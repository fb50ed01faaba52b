"""The official Kubernetes client: credentials from a kubeconfig or a pod, and the replicas that a cluster lists.

The one module that imports it. All here blocks, so it is called in a thread.
"""

import binascii
import ssl
from dataclasses import dataclass, field

import urllib3.exceptions as http
import yaml
from kubernetes import client, config
from pydantic import SecretStr

from exporters.cluster.endpoint import replica_url
from exporters.cluster.health import reason_of_status
from exporters.cluster.kubeconfig import Target
from tapwatch import __version__
from tapwatch.errors import PollError, PollReason

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
            configuration = self._load()
        authorization = self._authorize(configuration)
        access = Access(_trust(configuration), configuration.tls_server_name, authorization)
        self._configuration = configuration  # only now, so that what failed is tried again
        return access

    def list_replicas(self, connect_timeout: float, timeout: float) -> tuple[str, ...]:
        """The URLs of the API servers in the EndpointSlices of the Service `kubernetes`; raises PollError.

        Ready or not, as one that is not ready is the more interesting. The connection with TLS may take
        `connect_timeout` seconds, each part of the answer `timeout`.
        """
        try:
            with client.ApiClient(self._configuration) as api:
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
        """The client's configuration; raises PollError."""
        configuration = client.Configuration()
        try:
            if self._target.files:
                config.load_kube_config(  # type: ignore[no-untyped-call]
                    ":".join(str(file.absolute()) for file in self._target.files),
                    self._target.context,
                    configuration,
                    persist_config=False,  # the file is not ours to write
                )
            else:
                config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except _CREDENTIAL_FAILURES as error:
            # The client's message may repeat an entry of the file, secrets included, so only its kind is told.
            message = f"the credentials of context {self._target.context!r} cannot be read: {type(error).__name__}"
            raise PollError(PollReason.UNAUTHORIZED, message) from error
        configuration.proxy = None  # as the probes, which go directly
        configuration.retries = False
        if self._target.plugin is None:
            configuration.refresh_api_key_hook = None  # everything is read anew each time
        return configuration

    def _authorize(self, configuration: client.Configuration) -> SecretStr | None:
        """The header, safe to send, also for the client's own requests; None for none. Raises PollError."""
        if not self._target.server.startswith("https:"):
            configuration.api_key = {}  # as kubectl, which tells no secret over plain HTTP
            return None
        try:
            header = (configuration.get_api_key_with_prefix("BearerToken", "authorization") or "").strip()
        except _CREDENTIAL_FAILURES as error:
            message = f"the credentials cannot be renewed: {type(error).__name__}"
            raise PollError(PollReason.UNAUTHORIZED, message) from error
        if not header and self._target.plugin is not None and not configuration.cert_file:
            message = f"the credential plugin {self._target.plugin!r} gave no credentials"
            raise PollError(PollReason.UNAUTHORIZED, message)
        if not (header.isascii() and header.isprintable()):
            raise PollError(PollReason.UNAUTHORIZED, "the token has characters that no header can carry")
        configuration.api_key = {"authorization": header} if header else {}
        return SecretStr(header) if header else None


def _trust(configuration: client.Configuration) -> ssl.SSLContext:
    """Verifies servers as client-go does, and shows the client certificate; raises PollError."""
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except OSError as error:  # ssl.SSLError is one
        message = "the certificates of the kubeconfig cannot be used: no PEM, or key and certificate differ"
        raise PollError(PollReason.TLS, message) from error
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
