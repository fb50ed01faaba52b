"""`--web.config.file`: TLS and basic authentication, in the format of Prometheus' own exporters.

The format is that of prometheus/exporter-toolkit, docs/web-configuration.md: `tls_server_config` with `cert_file`,
`key_file`, `client_auth_type`, `client_ca_file` and `min_version`; `basic_auth_users` maps a name to a bcrypt hash.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ssl
from pathlib import Path
from typing import Literal, Self

import bcrypt
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import Field, SecretStr, field_validator, model_validator

from tapwatch.errors import ConfigError, Fault
from tapwatch.settings import RelativePath, Settings, load
from tapwatch.tls import serving_context

_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class TlsServer(Settings):
    """What the server shows of itself and asks of its clients."""

    cert_file: RelativePath
    key_file: RelativePath
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: RelativePath | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"

    @model_validator(mode="after")
    def _client_certificates_need_an_authority(self) -> Self:
        if self.client_auth_type != "NoClientCert" and self.client_ca_file is None:
            raise ValueError(f"client_auth_type {self.client_auth_type} needs client_ca_file")
        return self


class WebConfig(Settings):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    basic_auth_users: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("basic_auth_users")
    @classmethod
    def _passwords_are_bcrypt_hashes(cls, users: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, hashed in users.items():
            try:
                bcrypt.checkpw(b"", hashed.get_secret_value().encode())
            except ValueError:
                raise ValueError(f"the password of {name!r} must be a bcrypt hash (htpasswd -nBC 10 NAME)") from None
        return users


class WebGate:
    """TLS and authentication of one server, replaceable while it runs."""

    def __init__(self, file: Path | None) -> None:
        """Read `file`; raises ConfigError. Without a file everyone is let in over plain HTTP."""
        self._file = file
        self._config = WebConfig() if file is None else load(file, WebConfig)
        self._known_good: set[bytes] = set()
        self.ssl_context = self._load_certificates(self._config.tls_server_config, None)

    def reload(self) -> None:
        """Read the file and the certificates again; raises ConfigError and keeps the old ones.

        Turning TLS on or off needs a restart, as the listening socket is one or the other.
        """
        if self._file is None:
            return
        config = load(self._file, WebConfig)
        if (config.tls_server_config is None) != (self.ssl_context is None):
            raise ConfigError([Fault(str(self._file), None, "tls_server_config", "on or off needs a restart")])
        self._load_certificates(config.tls_server_config, self.ssl_context)
        self._config = config
        self._known_good.clear()

    def _load_certificates(self, tls: TlsServer | None, into: ssl.SSLContext | None) -> ssl.SSLContext | None:
        if tls is None:
            return None
        try:
            fresh = self._fill(serving_context(), tls)
            return fresh if into is None else self._fill(into, tls)
        except (ssl.SSLError, OSError) as error:
            message = f"certificates cannot be used: {error.strerror or error}"
            raise ConfigError([Fault(str(self._file), None, "tls_server_config", message)]) from error

    @staticmethod
    def _fill(context: ssl.SSLContext, tls: TlsServer) -> ssl.SSLContext:
        context.load_cert_chain(tls.cert_file, tls.key_file)
        context.minimum_version = _VERSIONS[tls.min_version]
        context.verify_mode = _CLIENT_AUTH[tls.client_auth_type]
        if tls.client_ca_file is not None:
            context.load_verify_locations(tls.client_ca_file)
        return context

    @web.middleware
    async def authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Middleware: 401 for whoever is not in `basic_auth_users`, when there are any."""
        if not self._config.basic_auth_users or await self._is_known(request.headers.get(hdrs.AUTHORIZATION, "")):
            return await handler(request)
        headers = {hdrs.WWW_AUTHENTICATE: 'Basic realm="tapwatch", charset="UTF-8"'}
        raise web.HTTPUnauthorized(text="Unauthorized\n", headers=headers)

    async def _is_known(self, header: str) -> bool:
        """Bcrypt is slow by design, so it runs in a thread and a success is remembered by its digest."""
        digest = hashlib.sha256(header.encode()).digest()
        if any(hmac.compare_digest(digest, known) for known in self._known_good):
            return True
        scheme, _, credentials = header.partition(" ")
        try:
            name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        users = self._config.basic_auth_users
        # An unknown name costs as much as a wrong password, so that names cannot be found by timing.
        hashed = users.get(name) or next(iter(users.values()))
        matches = await asyncio.to_thread(bcrypt.checkpw, password.encode()[:72], hashed.get_secret_value().encode())
        if not (matches and name in users and scheme.lower() == "basic"):
            return False
        if users is self._config.basic_auth_users:  # a reload meanwhile may have withdrawn this password
            self._known_good.add(digest)
        return True
