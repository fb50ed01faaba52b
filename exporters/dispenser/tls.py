"""Modbus/TCP Security: how `tls://` gateways are spoken to. Certificates and host names are always verified."""

import errno
import ssl
from typing import Self

from pydantic import model_validator

from tapwatch.errors import ConfigError, Fault
from tapwatch.settings import RelativePath, Settings
from tapwatch.tls import verifying_context


class TlsSettings(Settings):
    """`tls` in the settings file."""

    ca_file: RelativePath | None = None
    """Who must have signed the gateways' certificates; without it, whom the operating system trusts."""
    cert_file: RelativePath | None = None
    """Our own certificate and its chain, for gateways that ask for one."""
    key_file: RelativePath | None = None
    """Its key."""

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together, and one of them is missing")
        return self


def client_context(settings: TlsSettings, place: str) -> ssl.SSLContext:
    """Raises ConfigError, which names `place`, for files that cannot be used."""
    try:
        context = verifying_context(settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file, _refuse_passphrase)
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(str(one) for one in (settings.ca_file, settings.cert_file, settings.key_file) if one)
        reason = error.strerror or error.__class__.__name__
        raise ConfigError([Fault(place, None, "", f"cannot be used ({files}): {reason}")]) from error
    return context


def _refuse_passphrase() -> str:
    """Without it OpenSSL would ask on the terminal, and wait."""
    raise OSError(errno.EACCES, "the key has a passphrase; right would be a key without one")
