"""The certificates of simulated TLS gateways: an authority that lives as long as the simulation."""

import ssl
from pathlib import Path

import trustme

from tapwatch.errors import TapwatchError
from tapwatch.tls import serving_context


class CertificateAuthority:
    """Signs the certificate that all gateways of one campus show."""

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name="Tapwatch simulation")

    def server_context(self, *hosts: str) -> ssl.SSLContext:
        """What a server needs that is reached by these names and addresses."""
        context = serving_context()
        self._authority.issue_cert(*hosts).configure_cert(context)
        return context

    def write(self, file: Path) -> None:
        """Write what clients are to trust; raises TapwatchError."""
        try:
            file.write_bytes(self._authority.cert_pem.bytes())
        except OSError as error:
            raise TapwatchError(f"{file} cannot be written: {error.strerror}") from error
